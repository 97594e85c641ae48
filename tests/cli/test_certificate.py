"""`heg certificate` at the console, without a gateway that runs."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.cli.another_user import USER, anothers_house, needs_root
from tests.cli.test_cli import ROOT, config, heg, port
from tests.web.tls.test_maker import Authority, key_pem

__all__ = ["config", "port"]
pytestmark = pytest.mark.system


def said(config: Path, *words: object) -> dict:
    found = heg("certificate", *words, "--config", config, "--json")
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def refused(config: Path, *words: object) -> str:
    found = heg(*words, "--config", config)
    assert (found.returncode, found.stdout) == (1, "")
    assert "Traceback" not in found.stderr
    return found.stderr


@pytest.fixture
def state(config: Path) -> Path:
    folder = config.parent / "state"
    folder.mkdir(0o750)
    return folder


def test_before_the_first_start_it_says_when_there_will_be_one(config: Path, state: Path) -> None:
    for words in (["fingerprint"], ["certificate", "show"]):
        assert "made when the gateway starts with [web] host" in refused(config, *words)
    assert "device.pem is missing" in refused(config, "certificate", "renew")
    assert not (state / "tls/device.pem").exists()


def test_an_identity_begins_is_renewed_and_begins_anew_only_when_asked(config: Path, state: Path) -> None:
    first = said(config, "renew", "--new-key")
    assert (state / "tls/device.pem").stat().st_mode & 0o777 == 0o600
    renewed = said(config, "renew")
    assert renewed["key_sha256"] == first["key_sha256"]
    assert renewed["sha256"] != first["sha256"]
    assert heg("fingerprint", "--config", config).stdout.strip().replace(":", "").lower() == renewed["sha256"]
    (state / "tls/device.pem").write_text("noise")
    assert "renew --new-key" in refused(config, "certificate", "renew")
    assert "renew --new-key" in refused(config, "certificate", "show")
    assert said(config, "renew", "--new-key")["key_sha256"] != first["key_sha256"]


def test_an_owners_own_is_installed_and_removed(config: Path, state: Path) -> None:
    device = said(config, "renew", "--new-key")
    authority, key = Authority(), ec.generate_private_key(ec.SECP256R1())
    certificate, private = config.parent / "own.pem", config.parent / "own.key"
    certificate.write_bytes(authority.issue(key, begin=datetime.now(UTC)) + authority.pem)  # noqa: TID251
    private.write_bytes(key_pem(ec.generate_private_key(ec.SECP256R1())))
    assert "not that of the first certificate" in refused(config, "certificate", "install", certificate, private)
    assert "own.keys: No such file" in refused(config, "certificate", "install", certificate, f"{private}s")
    private.write_bytes(key_pem(key))
    found = heg("certificate", "install", certificate, private, "--config", config)
    assert found.stdout.startswith("note: none of this machine's own names is on it: ask for energy.example.org\n")
    assert (state / "tls/owner.pem").stat().st_mode & 0o777 == 0o600
    assert said(config, "show")["names"] == ["energy.example.org"]
    assert said(config, "remove")["sha256"] == device["sha256"]
    assert "nothing is installed" in refused(config, "certificate", "remove")
    both = (certificate.read_bytes() + private.read_bytes()).decode()
    command = [sys.executable, "-m", "heg", "certificate", "install", "-", "--config", str(config), "--json"]
    piped = subprocess.run(command, input=both, capture_output=True, text=True, cwd=ROOT, check=True)
    assert json.loads(piped.stdout)["own"] is True


@needs_root
def test_root_leaves_files_that_the_gateways_user_can_open() -> None:
    with anothers_house() as (config, state):
        said(config, "renew", "--new-key")
        assert {path.stat().st_uid for path in (state / "tls").iterdir()} == {USER}


def test_no_answer_tells_the_key(config: Path, state: Path) -> None:
    found = heg("certificate", "renew", "--new-key", "--config", config, "--json")
    assert (state / "tls/device.pem").read_text().splitlines()[1] not in found.stdout + found.stderr
