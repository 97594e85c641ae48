"""The whole API asked by an independent program, in every role: no 5xx, no answer but as declared, nothing forbidden.

schemathesis (MIT) reads the document that the gateway serves, makes requests that fit it and requests that do not, and
holds the answers against it. It runs in a process and with packages of its own; `./dev test` brings it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from heg.web.gate import SESSION_COOKIE
from heg.web.live import EVENTS
from tests.support.peers import BESIDE, needs_beside
from tests.web.exposed import Asker, Exposed, exposed

ROOT = Path(__file__).parents[2]
PEER = BESIDE / "schemathesis"
pytestmark = [pytest.mark.system, needs_beside("schemathesis")]
ASKERS = ("nobody", "viewer", "installer", "user", "dso", "token", "leaver", "owner")
"""The owner comes last: what an owner may do to the others is done to them."""
SOME = ("nobody", "viewer", "dso", "leaver", "owner")
"""Those of the ordinary suite."""
LEAVES = "/api/v1/session/end"
"""Asked by the leaver alone, who asks nothing else: its session is over then."""
REFUSALS = ["400", "401", "403", "404", "405", "409", "411", "413", "415", "421", "429"]
NOT_FOR_US = (
    "not_a_server_error",  # ours tells an order that nobody is there to obey from a fault (schemathesis_hooks.py)
    "positive_data_acceptance",  # what fits its type may be refused for its sense: a span that ends before it begins
)


@pytest.fixture(scope="module")
def gateway() -> Iterator[Exposed]:
    with exposed() as running:
        yield running


@pytest.mark.parametrize("name", [name for name in ASKERS if name in SOME])
def test_no_request_breaks_the_api_or_its_promises(gateway: Exposed, tmp_path: Path, name: str) -> None:
    thorough = name == "owner"
    phases, examples = ("coverage,fuzzing", 3) if thorough else ("fuzzing", 2)
    probe(gateway, name, tmp_path, "--phases", phases, "--max-examples", str(examples), "--generation-deterministic")


@pytest.mark.soak
@pytest.mark.parametrize("name", ASKERS)
def test_thousands_of_requests_do_not_either(gateway: Exposed, tmp_path: Path, name: str) -> None:
    probe(gateway, name, tmp_path, "--max-examples", "60", "--generation-database", "none")


def probe(gateway: Exposed, name: str, folder: Path, *options: str) -> None:
    """Let schemathesis ask everything as `name`."""
    asker = gateway.askers[name]
    document = fetched(gateway, gateway.askers["owner"], "/api/v1/openapi.json")
    paths = [LEAVES] if name == "leaver" else without_streams(document)
    (folder / "document.json").write_text(
        json.dumps(document | {"paths": {path: document["paths"][path] for path in paths}})
    )
    (folder / "schemathesis.toml").write_text(settings(asker))
    command = [sys.executable, "-m", "schemathesis.cli", "run", "document.json", "--url", gateway.address, "--no-color"]
    command += ["--exclude-checks", ",".join(NOT_FOR_US), "--warnings", "off", *options]
    known = {
        "PYTHONPATH": os.pathsep.join((str(PEER), str(ROOT))),
        "SCHEMATHESIS_HOOKS": "tests.web.schemathesis_hooks",
        "HEG_ASKER": json.dumps(asdict(asker)),
    }
    said = subprocess.run(command, check=False, cwd=folder, env=os.environ | known, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr
    if asker.header == "Cookie" and name != "leaver":
        assert fetched(gateway, asker, "/api/v1/session")["name"] == name, "it was logged out on the way"


def without_streams(document: Mapping[str, Any]) -> list[str]:
    """Every path but those that answer for ever, and the one that ends the session."""
    return [
        path
        for path, methods in document["paths"].items()
        if path != LEAVES
        and EVENTS not in methods.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
    ]


def settings(asker: Asker) -> str:
    """Who asks, and what is a refusal, in the words of schemathesis.toml."""
    refusals = f"[checks.negative_data_rejection]\nexpected-statuses = {json.dumps(REFUSALS)}\n"
    if asker.header == "Cookie":
        key = asker.value.removeprefix(f"{SESSION_COOKIE}=")
        return f'{refusals}[auth.openapi]\nsession = {{ api_key = "{key}" }}\n'
    bearer = asker.value.removeprefix("Bearer ")
    known = asker.header == "Authorization"
    return f'{refusals}[auth.openapi]\ntoken = {{ bearer = "{bearer}" }}\n' if known else refusals


def fetched(gateway: Exposed, asker: Asker, path: str) -> Any:
    asked = urllib.request.Request(gateway.address + path, headers={asker.header: asker.value})
    with urllib.request.urlopen(asked, timeout=20) as said:
        return json.loads(said.read())
