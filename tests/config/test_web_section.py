"""`[web]`: the home network is let in with a login or not at all."""

import pytest

from heg.config.reader import ConfigError, load
from heg.config.schema import WebSection


@pytest.mark.parametrize(
    ("section", "on_lan", "asks_login", "loopback"),
    [
        ("", False, False, "127.0.0.1"),
        ('host = "::1"', False, False, "::1"),
        ("login = true", False, True, "127.0.0.1"),
        ('host = "0.0.0.0"', True, True, "127.0.0.1"),
        ('host = "::"', True, True, "127.0.0.1"),
        ('host = "192.168.1.5"\nlogin = true', True, True, "127.0.0.1"),
        ('host = "fd00::5"', True, True, "127.0.0.1"),
    ],
)
def test_who_is_let_in_and_how(tmp_path, section: str, on_lan: bool, asks_login: bool, loopback: str) -> None:
    file = tmp_path / "heg.toml"
    file.write_text(f"[web]\n{section}\n")
    web = load(file, {}).unit.web
    assert (web.on_lan, web.asks_login, web.loopback) == (on_lan, asks_login, loopback)


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ('host = "0.0.0.0"\nlogin = false', "expected login = true, or left out, where host is not loopback"),
        ('host = "gateway.local"', '"127.0.0.1" for this machine only, "0.0.0.0" for the home network'),
        ('host = "300.1.1.1"', "expected host = an address"),
        ('host = ""', '"0.0.0.0" for the home network'),
        ("tls_port = 0", "a TCP port from 1 to 65535"),
        ('names = ["Energy"]', "host names in small letters"),
        ('names = ["a/b"]', "host names in small letters"),
        ('names = ["192.168.1.5"]', "host names in small letters"),
    ],
)
def test_what_cannot_be_served_is_refused_in_words(tmp_path, section: str, expected: str) -> None:
    file = tmp_path / "heg.toml"
    file.write_text(f"[web]\n{section}\n")
    with pytest.raises(ConfigError, match=r"\[web\]") as caught:
        load(file, {})
    assert expected in str(caught.value)


def test_by_default_this_machine_alone_without_a_login() -> None:
    web = WebSection()
    assert (web.on_lan, web.asks_login) == (False, False)
