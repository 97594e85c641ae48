"""Who may ask, and how: judged from the head of a request alone. Pure: every rule can be tried without a server.

A browser that can reach the unit also visits strangers' pages. They must be able neither to read (DNS rebinding: their
name resolves to our address) nor to order (a form or a fetch sent here from their page).
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from heg.web.messages import Problem

REQUEST_HEADER = "X-Heg-Request"
"""A page of another origin can't send it without asking first (CORS preflight), and we never agree."""
LARGEST_BODY_BYTES = 8192
"""Where an endpoint does not take more."""
_LONGEST_LENGTH = 15
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(:[0-9]{1,5})?")
"""A name or address, and a port: nothing of an address line besides, which others would read otherwise."""
READING = frozenset({"GET", "HEAD"})

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Server": "heg",
}
"""Sent with every answer."""


class Fault(StrEnum):
    """Why a request was refused; each is counted under this name."""

    HOST = "host"
    METHOD = "method"
    ORIGIN = "origin"
    HEADER = "header"
    CONTENT_TYPE = "content_type"
    TOO_LARGE = "too_large"
    SLOW = "slow"
    BAD_REQUEST = "bad_request"
    TOO_MANY = "too_many"
    TOO_OFTEN = "too_often"
    INTERNAL = "internal"
    ACCESS = "access"


@dataclass(frozen=True, slots=True)
class Denied:
    """A refused request: status, counted reason and what the caller is told."""

    status: int
    fault: Fault
    problem: Problem
    retry_after_s: float = 0.0


def judge_target(target: str, host: str) -> Denied | None:
    """Judge what a request line names: a path here, or (RFC 9112, 3.2.2) an address whose host is the Host header's."""
    if target.startswith("/") or target.partition("://")[2].partition("/")[0].lower() == host.lower():
        return None
    return _denied(421, Fault.HOST, "a path, or an address here", target)


def names_loopback(host: str) -> bool:
    """Tell whether a Host header names this machine by a name that no foreign DNS can give."""
    if _HOST.fullmatch(host) is None:
        return False
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Site:
    """One face of the server: its scheme, which Host headers name it, and what is said to others."""

    scheme: str
    covers: Callable[[str], bool]
    expected: str
    mend: str = ""


LOOPBACK = Site("http", names_loopback, "a Host header that names this machine (127.0.0.1, localhost or [::1])")


def judge(
    method: str,
    headers: Mapping[str, str],
    *,
    api: bool,
    largest_body_bytes: int = LARGEST_BODY_BYTES,
    site: Site = LOOPBACK,
) -> Denied | None:
    """Judge a request by its head; `headers` must look names up without regard to case. None means: let it in."""
    host = headers.get("Host", "")
    if not site.covers(host):
        return _denied(421, Fault.HOST, site.expected, host, site.mend)
    if method in READING:
        return _judge_reading(headers) if api else None
    if method != "POST":
        return _denied(405, Fault.METHOD, "GET, HEAD or POST", method)
    return _judge_order(f"{site.scheme}://{host}", headers) or _judge_size(
        headers.get("Content-Length"), largest_body_bytes
    )


def _judge_reading(headers: Mapping[str, str]) -> Denied | None:
    site = headers.get("Sec-Fetch-Site", "none")
    if site not in ("same-origin", "none"):
        return _denied(403, Fault.ORIGIN, "a request from the unit's own page", f"Sec-Fetch-Site: {site}")
    return None


def _judge_order(own: str, headers: Mapping[str, str]) -> Denied | None:
    origin = headers.get("Origin")
    if origin is not None and origin.lower() != own.lower():
        return _denied(403, Fault.ORIGIN, f"Origin {own}", origin)
    if (denied := _judge_reading(headers)) is not None:
        return denied
    if headers.get(REQUEST_HEADER) != "1":
        came = headers.get(REQUEST_HEADER, "none")
        return _denied(403, Fault.HEADER, f"header {REQUEST_HEADER}: 1", came)
    kind = headers.get("Content-Type", "").split(";")[0].strip().lower()
    if kind != "application/json":
        return _denied(415, Fault.CONTENT_TYPE, "Content-Type application/json", kind or "none")
    if (packed := headers.get("Content-Encoding")) is not None:
        return _denied(415, Fault.CONTENT_TYPE, "a body as it is, without Content-Encoding", packed)
    return None


def _judge_size(length: str | None, largest_bytes: int) -> Denied | None:
    if length is None or not length.isascii() or not length.isdigit():
        return _denied(411, Fault.TOO_LARGE, "a Content-Length", length or "none")
    if len(length) > _LONGEST_LENGTH or int(length) > largest_bytes:
        return _denied(413, Fault.TOO_LARGE, f"a body of at most {largest_bytes} bytes", f"{length[:20]} bytes")
    return None


def _denied(status: int, fault: Fault, expected: str, came: str, mend: str = "") -> Denied:
    return Denied(status, fault, Problem(reason=fault, expected=expected, came=came[:200], mend=mend))
