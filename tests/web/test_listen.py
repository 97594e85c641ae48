"""The listening sockets: loopback only where there is no TLS, and a port in use is said clearly."""

from pathlib import Path

import pytest

from heg.model.sockets import REDIRECT, WEB, WEB_TLS, as_markdown
from heg.web.listen import ListenError, Place, open_at, open_listener, page_address
from heg.web.settings import LanSettings, WebSettings

DOCUMENT = Path(__file__).parents[2] / "docs" / "integrators" / "api.md"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.10", "gateway.local", ""])
def test_anything_but_loopback_is_refused(host: str) -> None:
    with pytest.raises(ListenError, match=r"\[web\] host = .*loopback address where there is no TLS"):
        open_listener(WebSettings(host=host))


def test_a_port_in_use_names_the_key_and_the_way_out() -> None:
    with open_listener(WebSettings(port=0)) as first:
        port = first.getsockname()[1]
        with pytest.raises(ListenError) as raised:
            open_listener(WebSettings(port=port), file="my.toml")
    assert f"my.toml: [web] port = {port}" in str(raised.value)
    assert "another program listens there" in str(raised.value)


def test_the_address_is_what_a_person_types() -> None:
    with open_listener(WebSettings(port=0)) as listener:
        assert page_address(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_the_table_of_sockets_is_what_the_settings_do() -> None:
    assert WebSettings().port == WEB.default_port
    lan = LanSettings("0.0.0.0", "/nowhere")
    assert (lan.port, lan.redirect_port) == (WEB_TLS.default_port, REDIRECT.default_port)


def test_an_address_of_another_machine_is_said() -> None:
    with pytest.raises(ListenError, match=r'\[web\] host = "192\.0\.2\.77": expected an address of this machine'):
        open_at(Place("192.0.2.77", 0))


def test_the_documentation_shows_the_table_of_sockets() -> None:
    assert as_markdown((WEB, WEB_TLS, REDIRECT)) in DOCUMENT.read_text(encoding="utf-8")
