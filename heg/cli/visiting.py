"""Where people open the gateway's page: what to type into a browser."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from heg.web.tls.names import address_of

if TYPE_CHECKING:
    from heg.config.schema import HegConfig
    from heg.web.tls.names import OwnNames


def pages(config: HegConfig) -> tuple[str, ...]:
    """Return the addresses of this machine's page as it is called now, best first."""
    from heg.web.tls.addresses import own_addresses
    from heg.web.tls.machine import Machine

    return pages_of(config, Machine(lambda: 0.0, "", config.web.names, addresses=own_addresses).names())


def pages_of(config: HegConfig, called: OwnNames) -> tuple[str, ...]:
    """Return the addresses for the home network where it is let in, else this machine's own."""
    web = config.web
    if not web.on_lan:
        return (_url("http", web.loopback, web.port),)
    listens = ipaddress.ip_address(web.host)
    typed = called.on_a_certificate if listens.is_unspecified else (web.host,)
    return tuple(_url("https", one, web.tls_port) for one in typed if _leads_here(one, four_only=listens.version == 4))


def _leads_here(name: str, *, four_only: bool) -> bool:
    """Whether another machine comes here by it: what listens at 0.0.0.0 has no IPv6."""
    address = address_of(name)
    if address is None:
        return name != "localhost"
    return not address.is_loopback and (address.version == 4 or not four_only)


def _url(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
