"""The appliance's unit, judged by systemd itself, and the files that lie beside it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from appliance.config_file import load
from tests.support.peers import demand

UNITS = Path(__file__).parents[2] / "systemd" / "appliance"
LARGEST_EXPOSURE = 2.0


def analyze(*arguments: object) -> subprocess.CompletedProcess[str]:
    demand("systemd-analyze")
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_little_is_exposed() -> None:
    said = analyze("security", "--offline=true", UNITS / "heg-appliance.service")
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said.stdout)
    assert found, said.stderr
    assert float(found[1]) <= LARGEST_EXPOSURE


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    program = tmp_path / "heg-appliance"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = (UNITS / "heg-appliance.service").read_text().replace("/opt/heg-appliance/bin/heg-appliance", str(program))
    (tmp_path / "heg-appliance.service").write_text(text)
    said = analyze("verify", "--man=no", tmp_path / "heg-appliance.service")
    assert [line for line in said.stderr.splitlines() if "heg" in line] == []
    assert said.returncode == 0, said.stderr


def test_the_example_is_a_good_configuration() -> None:
    assert load(UNITS / "appliance.toml").logind is not None


def test_its_user_is_one_everywhere() -> None:
    assert "User=heg-appliance\n" in (UNITS / "heg-appliance.service").read_text()
    assert 'subject.user == "heg-appliance"' in (UNITS / "60-heg-appliance.rules").read_text()
    assert "chgrp heg-appliance" in (UNITS / "71-heg-appliance.rules").read_text()
    assert (UNITS / "heg-appliance.sysusers").read_text().startswith("u heg-appliance ")
