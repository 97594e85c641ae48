"""Paths that lead out, and addresses that would write headers."""

from pathlib import Path

import pytest

from heg.runtime.clock import Clock
from tests.support.stepped import stepped
from tests.web.serving import serving
from tests.web.test_login import owned

CLIMBS = (
    "../",
    "..%2f",
    "%2e%2e/",
    "%2e%2e%2f",
    "..%252f",
    "..\\",
    "..%5c",
    "%c0%ae%c0%ae/",
    "....//",
    "..;/",
    "..%00/",
)


@stepped
async def test_no_path_leads_out_of_the_pages_files(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        for begin in ("/", "/assets/", "/static/", "/api/v1/", "//", "/%2f"):
            for climb in CLIMBS:
                for end in ("etc/passwd", "heg/web/server.py", "accounts.sqlite"):
                    target = f"{begin}{climb * 5}{end}"
                    request = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
                    answer = await owner.served.raw(request.encode())
                    assert answer.split(b" ")[1] in (b"400", b"401", b"404", b"421", b"429"), target
                    assert b"root:" not in answer


@pytest.mark.parametrize(
    "target", ["/..", "//evil.example/api/v1/state", "/api//v1/state", "/API/v1/state", "/api/v1/state/"]
)
@stepped
async def test_a_path_has_one_spelling(clock: Clock, target: str) -> None:
    async with serving(clock) as served:
        answer = await served.raw(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    assert answer.split(b" ")[1] == b"404"


@pytest.mark.parametrize(
    "bad", ["%0d%0aSet-Cookie:%20x=y", "%0aX:y", "a%22;filename=%22b", "%E2%80%AE", "%00", "a%3bb"]
)
@stepped
async def test_no_header_takes_a_line_from_an_address(clock: Clock, bad: str) -> None:
    async with serving(clock) as served:
        for path in (
            f"/api/v1/history?variable=soc&device={bad}&format=csv",
            f"/api/v1/history?variable={bad}&format=csv",
            f"/api/v1/latest?device={bad}&format=csv",
            f"/{bad}",
        ):
            request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
            answer = await served.raw(request.encode())
            head = answer.partition(b"\r\n\r\n")[0]
            assert answer.split(b" ")[1] in (b"400", b"404"), path
            assert b"Set-Cookie" not in head
            assert b"\nX:" not in head
            assert b"\n\n" not in head


@stepped
async def test_a_download_is_named_by_names_alone(clock: Clock) -> None:
    path = "/api/v1/history?variable=soc&format=csv&device="
    async with serving(clock) as served:
        good = await served.get(path + "battery.a-b")
        bad = [await served.get(path + name) for name in ("../../etc/passwd", "a%22b", "a%0ab", "~")]
    assert good.headers["Content-Disposition"] == 'attachment; filename="soc-battery.a-b.csv"'
    assert [said.status for said in bad] == [400] * 4
