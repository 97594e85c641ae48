"""The whole gateway and the whole appliance, two processes on a network of their own, as two machines of a house."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.laundry import Seen, Washer, the_one
from tests.support.namespaces import Network, needs_networks, wired
from tests.support.processes import wait_until

pytestmark = [pytest.mark.system, needs_networks]

PROGRAMS = Path(sys.executable).parent


@dataclass
class TwoMachines:
    """A gateway and an appliance, with what their people may ask."""

    home: Network
    laundry: Network
    folder: Path
    washer: Washer

    def heg(self, *words: str) -> str:
        return self.home.says(PROGRAMS / "heg", *words, "--config", self.folder / "heg.toml")

    def heg_appliance(self, *words: str) -> str:
        return self.laundry.says(PROGRAMS / "heg-appliance", "--config", self.washer.config, *words)

    def seen(self) -> Seen:
        """The appliance as the gateway sees it; empty before it does."""
        return the_one(self.home.run(PROGRAMS / "heg", "appliances", "--json", "--config", self.folder / "heg.toml"))

    def until(self, state: str) -> None:
        self.washer.until(state, self.seen, limit_s=20)

    @contextmanager
    def running(self, network: Network, *command: object) -> Iterator[None]:
        with (self.folder / f"{command[0]}.log").open("ab") as log:
            process = network.start(PROGRAMS / str(command[0]), *command[1:], stdout=log, stderr=subprocess.STDOUT)
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[TwoMachines]:
    (tmp_path / "unit").mkdir(mode=0o700)
    (tmp_path / "heg.toml").write_text(
        f'[unit]\nstate_dir = "{tmp_path}/unit"\n[contract]\nmax_import_kw = 17.0\nmax_export_kw = 17.0\n[upnp]\n'
    )
    washer = Washer(tmp_path).lay_out(
        'interface = "lan0"',
        '[[rule]]\nnever = ["off"]\nbetween = ["00:00:00", "23:59:59"]\nwhy = "it would flood"\n'
        "[cycle.cotton]\nwatts = [2000, 400]\n",
    )
    with ExitStack() as stack:
        home, laundry = stack.enter_context(wired(addresses=(["10.77.0.1/16"], ["10.77.0.2/16"])))
        made = TwoMachines(home, laundry, tmp_path, washer)
        stack.enter_context(made.running(home, "heg", "run", "--config", tmp_path / "heg.toml"))
        stack.enter_context(made.running(laundry, "heg-appliance", "--config", washer.config))
        wait_until(lambda: made.seen().get("power_state") == "on", "the gateway knows it", limit_s=30)
        yield made


def test_each_commands_the_other(machines: TwoMachines) -> None:
    machines.heg("manual", "washer", "standby", "--minutes", "5")
    machines.until("standby")
    machines.heg("manual", "washer", "release")
    machines.until("on")

    machines.heg("manual", "washer", "off", "--minutes", "5")
    wait_until(lambda: "it would flood" in machines.seen()["reason_text"], "its refusal is told", limit_s=20)
    assert machines.washer.state == "on"
    machines.heg("manual", "washer", "release")

    assert "asked by" not in machines.heg_appliance("status")
    machines.heg("standby", "washer", "03:00:00", "04:00:00")
    assert "standby     1   " in machines.heg_appliance("status")

    assert "registered as number 1" in machines.heg_appliance("wake-me", "06:30:00")
    assert "wake up" in machines.heg("appliances")
    assert machines.heg_appliance("asked") == "registered with the gateway: 1"
    machines.heg_appliance("withdraw", "1")
    assert "wake up" not in machines.heg("appliances")

    machines.heg_appliance("load", "cotton", "--ready-by", "23:59")
    wait_until(lambda: "cotton waits" in machines.heg("appliances"), "its cycle is known", limit_s=10)
