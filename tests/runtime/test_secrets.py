"""Secrets: by reference only, never shown."""

from pathlib import Path

import pytest

from heg.runtime.secrets import Secret, SecretError, SecretReference, resolve


def test_a_secret_is_read_from_a_private_file_and_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("hunter2\n")
    path.chmod(0o600)
    secret = resolve(SecretReference(file=str(path)))
    assert secret.reveal() == "hunter2"
    assert "hunter2" not in f"{secret} {secret!r} {[secret]}"


def test_a_world_readable_secret_is_refused_without_its_value(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("hunter2")
    path.chmod(0o644)
    with pytest.raises(SecretError, match="chmod") as caught:
        resolve(SecretReference(file=str(path)))
    assert "hunter2" not in str(caught.value)


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(SecretError, match="HEG_TEST_SECRET_THAT_NOBODY_SETS"):
        resolve(SecretReference(env="HEG_TEST_SECRET_THAT_NOBODY_SETS"))


def test_a_reference_names_exactly_one_place() -> None:
    with pytest.raises(ValueError, match="exactly one"):
        SecretReference(file="a", env="b")
    with pytest.raises(ValueError, match="exactly one"):
        SecretReference()


def test_two_secrets_are_two_objects() -> None:
    assert Secret("a") is not Secret("a")
