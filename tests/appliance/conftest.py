"""What tests of the appliance share: logind on a private bus, by Debian's python3-dbusmock."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.appliance.mocked_logind import MockedLogind
from tests.support.peers import demand_dbusmock

_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy></busconfig>
"""


@pytest.fixture
def logind(tmp_path: Path) -> Iterator[MockedLogind]:
    """A bus of the test's own, and on it a logind that keeps what it is asked."""
    demand_dbusmock()
    config, socket = tmp_path / "bus.conf", tmp_path / "bus"
    config.write_text(_BUS.format(socket=socket))
    command = ["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address=1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as bus:
        try:
            assert bus.stdout is not None
            bus.stdout.readline()
            with MockedLogind(f"unix:path={socket}", tmp_path / "calls") as mocked:
                yield mocked
        finally:
            bus.kill()
