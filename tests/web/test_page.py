"""The page comes when its port is free, and says so while it is not (loss row port-in-use)."""

from __future__ import annotations

import asyncio
import socket

import pytest

from heg.data.interface import DataInterface
from heg.model.instance import Location
from heg.model.policy import CUSTOMER
from heg.model.records import AlarmRecord
from heg.runtime.clock import Clock
from heg.web.house import Home
from heg.web.page import Page
from heg.web.settings import WebSettings
from tests.support.stepped import stepped


@stepped
async def test_a_taken_port_is_said_once_and_tried_until_it_is_free(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    opened: list[str] = []
    data = DataInterface(clock, "home")
    door = data.admit(CUSTOMER, "test")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        settings = WebSettings(port=port)
        home = Home("home", "UTC", "0")
        page = Page(data.admit(CUSTOMER, "web"), clock, home, settings, on_open=opened.append)
        serving = asyncio.ensure_future(page.run())
        await clock.sleep(60)
        assert opened == []
        raised = door.latest("alarm", Location("home", "", "port-in-use"))
        assert raised is not None
        assert isinstance(raised.value, AlarmRecord)
        assert raised.value.active
        assert f"[web] port = {port}: expected a free port" in raised.value.text
        assert len(caplog.records) == 1
    await clock.sleep(10)
    assert opened == [f"http://127.0.0.1:{port}"]
    ended = door.latest("alarm", Location("home", "", "port-in-use"))
    assert ended is not None
    assert isinstance(ended.value, AlarmRecord)
    assert not ended.value.active
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    await data.close()
