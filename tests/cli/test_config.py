"""`heg config` beside a running gateway, each a process of its own."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.cli.test_cli import config, heg, page_of, port, running

pytestmark = pytest.mark.system
__all__ = ["config", "port"]


def test_the_configuration_is_changed_and_rolled_back_at_the_console(config: Path, tmp_path: Path) -> None:
    first = config.read_text()
    changed = tmp_path / "new.toml"
    changed.write_text(first.replace("max_import_kw = 10", "max_import_kw = 7 # less"))
    faulty = tmp_path / "faulty.toml"
    faulty.write_text(first + "[site]\ntilt = 95\n")
    here = ("--config", config)
    with running(config) as process:
        assert page_of(process)
        assert heg("config", "show", *here).stdout == first
        told = heg("config", "check", faulty, *here)
        assert told.returncode == 78
        assert "[site] tilt = 95: expected degrees from horizontal" in told.stdout
        told = heg("config", "diff", changed, *here)
        assert "+max_import_kw = 7 # less" in told.stdout
        told = heg("config", "apply", changed, "-m", "the new contract", *here)
        assert told.returncode == 0, told
        assert "Version 2 is in force: control changes while it runs." in told.stdout
        assert config.read_text() == changed.read_text()
        told = heg("config", "apply", faulty, "--base", "1", *here)
        assert told.returncode == 1
        assert "expected a change of version 2" in told.stdout
        assert heg("config", "rollback", *here).returncode == 0
        assert config.read_text() == first
        told = heg("config", "history", "--json", *here)
        assert [one["version"] for one in json.loads(told.stdout)["versions"]] == [3, 2, 1]
        # A slip of the pen in the file itself: the gateway goes on, and can still be asked.
        config.write_text(first + "[contract\n")
        told = heg("config", "reload", *here)
        assert told.returncode == 78, told
        assert "valid TOML" in told.stdout
        assert heg("config", "rollback", *here).returncode == 0
        assert config.read_text() == first
        config.write_text(first.replace("max_export_kw = 10", "max_export_kw = 3"))
        process.send_signal(signal.SIGHUP)
        for _ in range(100):
            if "max_export_kw = 3" in heg("config", "show", *here).stdout:
                break
        told = heg("config", "history", *here)
        assert "by hand" in told.stdout


def test_devices_are_added_at_the_console_and_refusals_are_read(config: Path) -> None:
    here = ("--config", config)
    with running(config) as process:
        assert page_of(process)
        refused = heg("device", "test", "boiler", *here)
        assert refused.returncode == 1
        assert "expected a known device" in refused.stdout
        refused = heg("device", "add", "10.0.0.0/8", *here)
        assert refused.returncode == 1
        assert "at most 256 addresses" in refused.stdout
        assert "[modbus]" not in config.read_text()


def test_a_gateway_starts_with_what_was_in_force_when_its_file_is_damaged(config: Path) -> None:
    with running(config) as process:
        assert page_of(process)
        assert heg("config", "show", "--config", config).returncode == 0  # by then its copy is kept
    config.write_text(config.read_text() + "\n[contract]\nnonsense = \x00")
    with running(config) as process:
        assert page_of(process)
        told = json.loads(heg("status", "--config", config, "--json").stdout)
        assert "configuration-damaged" in {alarm["id"] for alarm in told["alarms"]}
        process.terminate()
        _, said = process.communicate()
    assert "going on with what was in force last" in said
