"""What people are told to type into a browser."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from heg.cli.visiting import pages_of
from heg.config.schema import HegConfig, WebSection
from heg.web.tls.names import OwnNames

CALLED = OwnNames(
    ("box.local", "box", "localhost"),
    frozenset(map(ip_address, ("192.168.1.20", "127.0.0.1", "fd00::20", "fe80::1", "::1"))),
)


@pytest.mark.parametrize(
    ("web", "expected"),
    [
        (WebSection(), ["http://127.0.0.1:8462"]),
        (WebSection(host="::1", port=9000), ["http://[::1]:9000"]),
        (
            WebSection(host="0.0.0.0"),
            ["https://box.local:8463", "https://box:8463", "https://192.168.1.20:8463"],
        ),
        (
            WebSection(host="::"),
            ["https://box.local:8463", "https://box:8463", "https://192.168.1.20:8463", "https://[fd00::20]:8463"],
        ),
        (WebSection(host="192.168.1.20", tls_port=9443), ["https://192.168.1.20:9443"]),
        (WebSection(host="fd00::20"), ["https://[fd00::20]:8463"]),
    ],
)
def test_a_page_is_named_as_people_reach_it(web: WebSection, expected: list[str]) -> None:
    assert list(pages_of(HegConfig(web=web), CALLED)) == expected
