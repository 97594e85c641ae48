"""The console's commands on the accounts: processes of their own, beside a gateway's folder."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from heg.runtime.secrets import Secret
from heg.web.accounts.records import Admitted
from tests.cli.another_user import USER, anothers_house, needs_root
from tests.cli.test_cli import heg, page_of, port, running
from tests.web.accounts.gateway import GOOD, Gateway, gateway

pytestmark = pytest.mark.system
__all__ = ["port"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    path = tmp_path / "heg.toml"
    path.write_text(f'[unit]\nstate_dir = "{tmp_path}/state"\n')
    return path


def folder(config: Path) -> Path:
    return config.parent / "state"


def now_at(gate: Gateway, config: Path) -> None:
    """Bring the test's time to the moment the command wrote its line."""
    *_, last = gate.ledger.lines()
    gate.passes(last.time_ms / 1000 - gate.now.utc_ms / 1000)


def claimed(config: Path) -> None:
    code = heg("claim-code", "--config", config, "--json")
    assert code.returncode == 0, code.stderr
    with gateway(folder(config)) as gate:
        now_at(gate, config)
        assert isinstance(gate.redeem(Secret(json.loads(code.stdout)["code"]), "anna"), Admitted)


def test_a_code_of_the_console_claims_the_gateway_once(config: Path) -> None:
    claimed(config)
    again = heg("claim-code", "--config", config)
    assert again.returncode == 1
    assert again.stdout == ""
    assert "heg accounts recover" in again.stderr


def test_there_is_nothing_to_claim_before_the_first_start(tmp_path: Path) -> None:
    config = tmp_path / "heg.toml"
    config.write_text(f'[unit]\nstate_dir = "{tmp_path}/state"\n')
    found = heg("claim-code", "--config", config)
    assert found.returncode == 1
    assert "heg run" in found.stderr
    assert not (tmp_path / "state").exists()


def test_a_damaged_file_is_recovered_and_kept(config: Path) -> None:
    claimed(config)
    path = folder(config) / "accounts.sqlite"
    path.write_bytes(b"?" * 10_000)
    refused = heg("claim-code", "--config", config)
    assert refused.returncode == 1
    assert "heg accounts recover" in refused.stderr
    recovered = heg("accounts", "recover", "--config", config, "--json")
    assert recovered.returncode == 0, recovered.stderr
    found = json.loads(recovered.stdout)
    assert Path(found["aside"]).read_bytes() == b"?" * 10_000
    assert heg("claim-code", "--config", config).returncode == 1
    with gateway(folder(config)) as gate:
        now_at(gate, config)
        assert isinstance(gate.redeem(Secret(found["code"]), "anna", GOOD), Admitted)


def test_verify_names_the_first_altered_line(config: Path) -> None:
    claimed(config)
    good = heg("audit", "verify", "--config", config)
    assert (good.returncode, good.stdout.split(":")[0]) == (0, "good")
    with sqlite3.connect(folder(config) / "accounts.sqlite") as other:
        other.execute("UPDATE audit SET who = 'eve' WHERE seq = 2")
    other.close()
    bad = heg("audit", "verify", "--config", config)
    assert bad.returncode == 1
    assert bad.stdout.startswith("line 2 is the first that is not what was written")


def test_verify_tells_a_cut_log_that_locks_the_accounts(config: Path) -> None:
    claimed(config)
    with sqlite3.connect(folder(config) / "accounts.sqlite") as other:
        other.execute("DELETE FROM audit WHERE seq = 2")
    other.close()
    bad = heg("audit", "verify", "--config", config, "--json")
    assert bad.returncode == 1
    assert json.loads(bad.stdout)["first_altered"] == 2


def test_an_export_verifies_by_itself_and_against_a_noted_head(config: Path, tmp_path: Path) -> None:
    claimed(config)
    head = json.loads(heg("audit", "verify", "--config", config, "--json").stdout)["head"]
    export = tmp_path / "audit.jsonl"
    export.write_text(heg("audit", "export", "--config", config).stdout)
    assert heg("audit", "verify", "--file", export).returncode == 0
    assert heg("audit", "verify", "--file", export, "--head", head).returncode == 0
    assert heg("audit", "verify", "--config", config, "--head", head).returncode == 0
    other_head = f"{head.partition(':')[0]}:{'0' * 64}"
    assert heg("audit", "verify", "--file", export, "--head", other_head).returncode == 1
    export.write_text(export.read_text().replace("anna", "eve"))
    bad = heg("audit", "verify", "--file", export)
    assert bad.returncode == 1
    assert bad.stdout.startswith("line 2 ")


@pytest.mark.parametrize("head", ["", "1", "x:y", "1:" + "g" * 64])
def test_a_head_that_is_none_is_refused_in_words(config: Path, head: str) -> None:
    claimed(config)
    bad = heg("audit", "verify", "--config", config, "--head", head)
    assert bad.returncode == 1
    assert "Traceback" not in bad.stderr


def ask(address: str, path: str, body: object = None, cookie: str = "") -> tuple[int, str, str]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"X-Heg-Request": "1", "Content-Type": "application/json", "Cookie": cookie}
    request = urllib.request.Request(address + path, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            cookies = [one.partition(";")[0] for one in response.headers.get_all("Set-Cookie", [])]
            return response.status, response.read().decode(), "; ".join(cookies)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), ""


def test_a_running_gateway_is_claimed_and_locks_when_its_file_is_damaged(config: Path, port: int) -> None:
    config.write_text(config.read_text() + f"\n[web]\nport = {port}\nlogin = true\n")
    with running(config) as process:
        address = page_of(process)
        assert ask(address, "/api/v1/state")[0] == 401
        code = json.loads(heg("claim-code", "--config", config, "--json").stdout)["code"]
        claim = {"code": code, "name": "anna", "password": GOOD.reveal()}
        status, text, cookie = ask(address, "/api/v1/claim", claim)
        assert status == 200, text
        assert ask(address, "/api/v1/state", cookie=cookie)[0] == 200
        without = heg("status", "--config", config)
        assert (without.returncode, "HEG_TOKEN" in without.stderr) == (77, True), without.stderr
        wish = {"label": "console", "scopes": ["read"]}
        key = json.loads(ask(address, "/api/v1/tokens", wish, cookie)[1])["key"]
        status_with = subprocess.run(
            [sys.executable, "-m", "heg", "status", "--config", str(config)],
            env={**os.environ, "HEG_TOKEN": key},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert status_with.returncode in (0, 1)
        assert status_with.stdout
        (folder(config) / "accounts.head").write_bytes(b"nonsense")
        again = {"name": "anna", "password": GOOD.reveal()}
        assert ask(address, "/api/v1/session", again)[0] == 503
        assert ask(address, "/api/v1/state", cookie=cookie)[0] == 503
        assert heg("accounts", "recover", "--config", config).returncode == 0
        process.terminate()
        assert process.wait(20) == 0


@needs_root
def test_root_leaves_files_that_the_gateways_user_can_open() -> None:
    with anothers_house() as (config, state):
        found = heg("claim-code", "--config", config)
        assert found.returncode == 0, found.stderr
        assert {path.stat().st_uid for path in state.iterdir()} == {USER}
