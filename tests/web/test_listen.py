"""The listening socket: loopback only, and a port in use is said clearly."""

from pathlib import Path

import pytest

from heg.model.sockets import LISTENING_SOCKETS, WEB, Reach, as_markdown
from heg.web.listen import ListenError, open_listener, page_address
from heg.web.settings import WebSettings

DOCUMENT = Path(__file__).parents[2] / "docs" / "integrators" / "api.md"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.10", "gateway.local", ""])
def test_anything_but_loopback_is_refused(host: str) -> None:
    with pytest.raises(ListenError, match=r"\[web\] host = .*loopback.*no login yet.*ssh -L"):
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
    assert all(one.reach is Reach.LOOPBACK for one in LISTENING_SOCKETS)


def test_the_documentation_shows_the_table_of_sockets() -> None:
    assert as_markdown() in DOCUMENT.read_text(encoding="utf-8")
