"""Addresses of things at an appliance: plain HTTP, on the very host that announced them, nothing else. Pure.

A host is a literal address; a link-local one of IPv6 carries its zone (`fe80::1%eth0`), in URLs as well.
"""

import ipaddress
from urllib.parse import SplitResult, urljoin, urlsplit

from heg.model.refusals import Refusal, RefusalCode

LONGEST_URL = 512
_EXPECTED = "http:// on the host that announced it"


def location_at(text: str, host: str) -> str | Refusal:
    """An announced location as it is fetched. A query is refused: a forged one could press a router's buttons."""
    found = _checked(text, host)
    if isinstance(found, Refusal):
        return found
    if found.query:
        return Refusal(RefusalCode.OUT_OF_RANGE, "a location without a query", repr(text[:80]))
    return _absolute(found, host)


def service_url(base: str, text: str, host: str) -> str | Refusal:
    """A service's URL, made absolute by the one it is relative to."""
    if len(text) > LONGEST_URL:
        return Refusal(RefusalCode.TOO_LARGE, f"a URL of at most {LONGEST_URL} letters")
    try:
        joined = urljoin(without_zone(base), text.strip())
    except ValueError:
        return Refusal(RefusalCode.WRONG_TYPE, "a URL", repr(text[:80]))
    found = _checked(joined, host)
    return found if isinstance(found, Refusal) else _absolute(found, host)


def same_host(one: str, other: str) -> bool:
    """Whether two literal addresses are the same, zones aside."""
    try:
        return ipaddress.ip_address(one.partition("%")[0]) == ipaddress.ip_address(other.partition("%")[0])
    except ValueError:
        return False


def bracketed(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def without_zone(url: str) -> str:
    """A URL as everybody may read it: zones mean something to one machine only."""
    head, bracket, rest = url.partition("]")
    return head.partition("%")[0] + bracket + rest if bracket and "[" in head else url


def authority(url: str) -> str:
    """Host and port of a URL as its host is told them: the zone is nobody's business but ours (RFC 6874)."""
    return without_zone(url).removeprefix("http://").partition("/")[0]


def _checked(text: str, host: str) -> SplitResult | Refusal:
    came = repr(text[:80])
    if len(text) > LONGEST_URL or not (text.isascii() and text.isprintable()) or " " in text:
        return Refusal(RefusalCode.WRONG_TYPE, f"a URL of at most {LONGEST_URL} letters of ASCII", came)
    try:
        split = urlsplit(without_zone(text))
        port = split.port
    except ValueError:
        return Refusal(RefusalCode.WRONG_TYPE, _EXPECTED, came)
    if split.scheme != "http" or split.username is not None or split.password is not None or port == 0:
        return Refusal(RefusalCode.OUT_OF_RANGE, _EXPECTED, came)
    if not same_host(split.hostname or "", host):
        return Refusal(RefusalCode.NOT_GRANTED, f"{_EXPECTED} ({host})", came)
    return split


def _absolute(split: SplitResult, host: str) -> str:
    path = split.path or "/"
    return f"http://{bracketed(host)}:{split.port or 80}{path}{'?' + split.query if split.query else ''}"
