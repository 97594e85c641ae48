"""The firewall that is made of the table of sockets: appliances are found through it, and nothing else comes in."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from drivers.upnp import DRIVER
from drivers.upnp.config import UpnpConfig
from drivers.upnp.parts import Link
from heg.config.schema import HegConfig
from heg.config.sockets import open_sockets
from heg.model.firewall import ruleset
from heg.runtime.clock import Clock
from tests.drivers.upnp.documents import uuid_number
from tests.drivers.upnp.serving import said, serving
from tests.drivers.upnp.test_on_links import on_a_link
from tests.support.namespaces import WIRE, Network, needs_networks, wired
from tests.support.peers import needs, program
from tests.support.stepped import stepped

pytestmark = [needs_networks, needs("nft")]
ONE = uuid_number(1)
UPNP_TOO = (*open_sockets(HegConfig()), *DRIVER.sockets(UpnpConfig()))


def guard(gateway: Network, folder: Path, *, upnp: bool) -> None:
    rules = folder / "heg.nft"
    rules.write_text(ruleset(UPNP_TOO if upnp else open_sockets(HegConfig()), owners=f"{folder}/*.mine"))
    gateway.says(program("nft"), "-f", rules)


@pytest.mark.parametrize("upnp", [True, False])
@stepped
async def test_an_appliance_is_found_through_it(clock: Clock, tmp_path: Path, upnp: bool) -> None:
    with wired() as (gateway, street):
        guard(gateway, tmp_path, upnp=upnp)
        async with on_a_link(clock, gateway, street) as found:
            await clock.sleep(5.0)
            assert (ONE in found.record.here) is upnp
            assert found.appliances[0].searched > 0  # what goes out is nobody's business


@needs("curl")
def test_events_come_in_and_nothing_beside(tmp_path: Path) -> None:
    with wired() as (gateway, street):
        guard(gateway, tmp_path, upnp=True)

        async def look(clock: Clock) -> None:
            hello, links = [said("GET", "/hello", b"hello")], [Link(WIRE, "10.77.0.1")]
            async with serving(clock, hello, links=links, port=8465), serving(clock, hello, links=links, port=8467):
                await clock.sleep(0.1)

                async def asked(port: int) -> str:
                    command = (program("curl"), "-s", "--max-time", "1", f"http://10.77.0.1:{port}/hello")
                    return (await asyncio.to_thread(street.run, *command)).stdout

                assert await asked(8465) == "hello"
                assert await asked(8467) == ""

        gateway.loop(look)
