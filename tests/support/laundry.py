"""An appliance whose state is what stands in a file, for the real program; and how a real gateway has it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.processes import wait_until

Seen = dict[str, Any]


@dataclass(frozen=True)
class Washer:
    """Its configuration is `appliance.toml` in its folder; `state` there is the machine itself."""

    folder: Path

    def lay_out(self, network: str, more: str = "") -> Washer:
        """Write its files. `network` are lines of the section [network], `more` what else it is configured with."""
        (self.folder / "state").write_text("on\n")
        ways = ""
        for name in ("on", "standby", "off"):
            (self.folder / name).write_text(f"{name}\n")
            ways += f'{name} = ["/bin/cp", "{self.folder}/{name}", "{self.folder}/state"]\n'
        self.config.write_text(
            f'state_dir = "{self.folder}/kept"\nsocket = "{self.folder}/socket"\n'
            f'[appliance]\nname = "Washer"\nrated_w = 2200\n[network]\n{network}\n'
            f'[command]\nstate = ["/bin/cat", "{self.folder}/state"]\n{ways}poll_s = 0.2\n{more}'
        )
        return self

    @property
    def config(self) -> Path:
        """What it is run with."""
        return self.folder / "appliance.toml"

    @property
    def state(self) -> str:
        """The machine itself."""
        return (self.folder / "state").read_text().strip()

    def until(self, state: str, seen: Callable[[], Seen], limit_s: float) -> None:
        """Wait until it is in a state, and the gateway knows."""
        wait_until(lambda: (self.state, seen().get("power_state")) == (state, state), f"it is {state}", limit_s=limit_s)


def the_one(done: subprocess.CompletedProcess[str]) -> Seen:
    """The only appliance of `heg appliances --json`; empty before there is one, or a gateway that answers."""
    found = json.loads(done.stdout)["appliances"] if done.returncode == 0 else []
    assert len(found) < 2
    return found[0] if found else {}
