"""What is too large, packed, or no plain value."""

import gzip

import pytest

from heg.runtime.clock import Clock
from tests.support.stepped import stepped
from tests.web.serving import ORDER_HEADERS, serving


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "identity", "gzip, gzip"])
@stepped
async def test_a_packed_body_is_not_unpacked(clock: Clock, coding: str) -> None:
    bomb = gzip.compress(b" " * 7_000_000)
    assert len(bomb) < 8192
    async with serving(clock) as served:
        said = await served.ask(
            "POST", "/api/v1/commands/scan", data=bomb, headers={**ORDER_HEADERS, "Content-Encoding": coding}
        )
    assert said.status == 415


@pytest.mark.parametrize(
    "body",
    [
        b'{"device": "battery", "power_kw": NaN}',
        b'{"device": "battery", "power_kw": Infinity}',
        b'{"device": "battery", "power_kw": -Infinity}',
        b'{"device": "battery", "power_kw": 1e999}',
        b'{"device": "battery", "power_kw": 1' + b"0" * 5000 + b"}",
        b'{"device": "battery", "power_kw": 0x10}',
        b'{"device": "battery", "power_kw": "1"}',
        b'{"device": "battery", "power_kw": true}',
        b'{"device": "battery", "device": "pv"}',
        b'{"device": "battery", "devic\\u0065": "pv"}',
        b'{"device": "battery", "__proto__": {}}',
        b'{"device": "batt\\u0000ery"}',
        b'{"device": "batt\\u202eery"}',
        b'{"device": "b\xd0\xb0ttery"}',  # the second letter is Cyrillic
        b'{"device": "../battery"}',
        b'{"device": ["battery"]}',
        b'{"device": "battery"}{}',
        b'\xef\xbb\xbf{"device": "battery"}',
        '{"device": "battery"}'.encode("utf-16"),
        b'{"device": ' + b"[" * 4000 + b"]" * 4000 + b"}",
    ],
)
@stepped
async def test_numbers_and_names_are_what_they_look_like(clock: Clock, body: bytes) -> None:
    async with serving(clock) as served:
        said = await served.ask("POST", "/api/v1/commands/try", data=body, headers=ORDER_HEADERS)
        assert (said.status, said.json["reason"]) == (400, "bad_request"), said.text
        assert served.house.orders == []


@stepped
async def test_many_parameters_are_refused(clock: Clock) -> None:
    async with serving(clock) as served:
        said = await served.get("/api/v1/history?" + "&".join(f"p{number}=1" for number in range(1000)))
        long = await served.get("/api/v1/history?variable=soc&cursor=" + "x" * 5000)
    assert (said.status, long.status) == (400, 400)
