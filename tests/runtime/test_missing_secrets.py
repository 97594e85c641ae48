"""`heg check` names the secrets that cannot be had, wherever they are named."""

from __future__ import annotations

from pathlib import Path

import msgspec

from heg.runtime.secrets import SecretReference, missing_secrets


class Broker(msgspec.Struct, frozen=True):
    """A part of a section."""

    token: SecretReference


class Section(msgspec.Struct, frozen=True):
    """A section with secrets at several depths."""

    brokers: tuple[Broker, ...]
    named: dict[str, SecretReference]


def test_secrets_at_any_depth_are_looked_up_and_only_missing_ones_named(tmp_path: Path) -> None:
    good = tmp_path / "good"
    good.write_text("hunter2")
    good.chmod(0o600)
    section = Section(
        brokers=(Broker(SecretReference(file=str(good))), Broker(SecretReference(file=str(tmp_path / "gone")))),
        named={"a": SecretReference(env="HEG_NO_SUCH_SECRET")},
    )
    said = list(missing_secrets(section))
    assert len(said) == 2
    assert "gone" in said[0]
    assert "HEG_NO_SUCH_SECRET" in said[1]
    assert "hunter2" not in "".join(said)
