"""What the gateway says of itself: description, service, and a page for people."""

from __future__ import annotations

from drivers.upnp.hosting.service import ACTIONS, VARIABLES
from drivers.upnp.markup import Caps, Element, read
from heg.model.appliances import GATEWAY_DEVICE, GATEWAY_SERVICE, RequestKind
from heg.runtime.clock import Clock
from tests.drivers.upnp.hosted import UUID, WASHER, hosted
from tests.support.stepped import stepped

CAPS = Caps(size=32_768, elements=512)


def names(element: Element | None) -> list[str]:
    assert element is not None
    return [one.name for one in element.children]


@stepped
async def test_the_description_leads_to_everything(clock: Clock) -> None:
    async with hosted(clock) as home:
        status, headers, body = await home.served.ask("GET", "/device.xml")
        assert (status, headers["content-type"]) == (200, 'text/xml; charset="utf-8"')
        root = read(body, CAPS)
        assert (root.name, root.space) == ("root", "urn:schemas-upnp-org:device-1-0")
        device = root.children[1]
        told = dict(device.texts())
        assert told["deviceType"] == GATEWAY_DEVICE
        assert told["UDN"] == f"uuid:{UUID}"
        assert told["friendlyName"] == "Home energy gateway (home)"
        service_list = device.child("serviceList")
        assert service_list is not None
        service = dict(service_list.children[0].texts())
        assert service["serviceType"] == GATEWAY_SERVICE
        for path in (service["SCPDURL"], told["presentationURL"]):
            assert (await home.served.ask("GET", path))[0] == 200
        assert (await home.served.ask("GET", service["controlURL"]))[1]["allow"] == "POST"
        assert (await home.served.ask("GET", service["eventSubURL"]))[1]["allow"] == "SUBSCRIBE, UNSUBSCRIBE"
        assert (await home.served.ask("GET", "/other"))[0] == 404


@stepped
async def test_the_services_description_is_the_table(clock: Clock) -> None:
    async with hosted(clock) as home:
        root = read((await home.served.ask("GET", "/energy.xml"))[2], CAPS)
        assert root.space == "urn:schemas-upnp-org:service-1-0"
        actions, variables = root.child("actionList"), root.child("serviceStateTable")
        assert actions is not None
        assert variables is not None
        stated = {dict(one.texts())["name"] for one in variables.children}
        assert stated == {one.name for one in VARIABLES}
        assert {dict(one.texts())["name"] for one in actions.children} == set(ACTIONS)
        for action in actions.children:
            arguments = action.child("argumentList")
            assert arguments is not None
            for one in arguments.children:
                assert names(one) == ["name", "direction", "relatedStateVariable"]
                assert dict(one.texts())["relatedStateVariable"] in stated


@stepped
async def test_the_page_says_what_was_asked_and_no_stranger_writes_on_it(clock: Clock) -> None:
    async with hosted(clock) as home:
        status, headers, body = await home.served.ask("GET", "/")
        assert status == 200
        assert headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert b"No appliance has asked for anything." in body
        assert b"own machine only" in body
        home.house.write(WASHER, 1, RequestKind.NO_STANDBY)
        await clock.sleep(2.1)  # so often registrations are looked at
        home.house.manager.reconfigure((), "Europe/Rome", 8463)
        shown = (await home.served.ask("GET", "/"))[2].decode()
        assert "<td>washer</td><td>not be put to standby</td>" in shown
        assert "<td>2026-03-01 08:00:00 to 2026-03-01 09:00:00</td><td>waits for its time</td>" in shown
        assert "href='https://127.0.0.1:8463/'" in shown
        assert WASHER not in shown
