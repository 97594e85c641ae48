"""M-SEARCH as it comes from anybody: what is looked for, and within what time (UPnP Device Architecture 1.1, 1.3.2)."""

from dataclasses import dataclass

MOST_BYTES = 1_024
_MOST_LINES = 24
_LONGEST_WAIT_S = 5
_FIRST = "M-SEARCH * HTTP/1.1"


@dataclass(frozen=True, slots=True)
class Search:
    """A search. `within_s` is how long its answers may take (s); 0 where it does not say: it asks one host alone."""

    target: str
    within_s: int


def parse_search(datagram: bytes) -> Search | None:
    """Read a datagram; None for anything that is not a search as it should be."""
    if len(datagram) > MOST_BYTES:
        return None
    lines = datagram.decode("latin-1").split("\r\n", _MOST_LINES)
    if lines[0].strip() != _FIRST:
        return None
    headers: dict[str, str] = {}
    for line in lines[1:_MOST_LINES]:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), value.strip())
    target, wait = headers.get("st", ""), headers.get("mx", "0")
    # Quoted as the standard says, or not, as some control points do.
    if headers.get("man", "").strip('"') != "ssdp:discover" or not target:
        return None
    if not (wait.isascii() and wait.isdecimal()) or len(wait) > 4:
        return None
    return Search(target, min(int(wait), _LONGEST_WAIT_S))
