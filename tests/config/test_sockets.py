"""One table of sockets: what several sections have listen in one place is told when the file is read."""

from pathlib import Path

import pytest

from drivers.upnp import DRIVER
from heg.config.reader import ConfigError, LoadedConfig, load


def read(folder: Path, text: str) -> LoadedConfig:
    path = folder / "heg.toml"
    path.write_text(text)
    return load(path, {"upnp": DRIVER})


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[upnp]\nport = 8462", "[upnp] port = 8462: expected a port of its own; web ([web] port) has this one"),
        (
            "[web]\nport = 8465\n[upnp]",
            "[web] port = 8465: expected a port of its own; upnp ([upnp] port) has this one",
        ),
        ("[web]\nport = 9000\n[upnp]\nport = 9000", "[upnp] port = 9000: expected a port of its own; web ([web] port)"),
        ('[web]\nhost = "::"\n[upnp]\nport = 8464', "[upnp] port = 8464: expected a port of its own; web-redirect"),
        ('[web]\nhost = "::"\ntls_port = 8462', "[web] tls_port = 8462: expected a port of its own; web ([web] port)"),
        ('[web]\nhost = "::"\nredirect_port = 8463', "[web] redirect_port = 8463: expected a port of its own; web-tls"),
        ("[upnp]\nsearch_port = 1900", "[upnp] search_port = 1900: expected a port of its own; ssdp ([upnp]) has"),
    ],
)
def test_two_sockets_at_one_port_are_a_fault_of_the_one_that_was_moved(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    [told] = caught.value.faults
    assert str(told).startswith(fault)


@pytest.mark.parametrize(
    "text",
    [
        "[web]\nport = 8465",  # nothing of [upnp] without its section
        "[web]\ntls_port = 8462\n[upnp]",  # the home network is not let in: there is no such socket
        "[web]\nport = 8466\n[upnp]",  # of TCP and of UDP
        "[upnp]\nport = 1900",
        '[web]\nhost = "0.0.0.0"\nport = 8463\ntls_port = 8462\n[upnp]',
    ],
)
def test_what_never_meets_may_have_one_number(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text).text == text
