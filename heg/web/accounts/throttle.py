"""Rate limiting of logins. Pure: told what happened and when, it says how long to wait.

The rule: wrong tries are counted in three places, and each try belongs to exactly one of the first two.

1. From a *known device* (its browser brings the key of an earlier login) they count against that device and person.
   From the gateway's own machine they count against that.
2. From anywhere else they count against the name, known or not, all strangers together.
3. Tries of strangers also count against their address (of IPv6 the /64), whatever the name.

Some are free, then each doubles the wait, up to a quarter of an hour; an hour without a wrong try forgets them. What
comes during a wait is refused untried and does not lengthen it. So a stranger guesses some ten times an hour, and who
hammers a name keeps its owner neither from a device that was logged in before, nor from the console, nor for good.
"""

import hashlib
import ipaddress
import secrets
from dataclasses import dataclass

_ADDRESSES = 1024
_UNKNOWN_NAMES = 256


@dataclass(frozen=True, slots=True)
class Pace:
    """How many wrong tries are free, and how the wait grows after them, in seconds."""

    free: int
    first_s: float = 2.0
    longest_s: float = 900.0
    forget_s: float = 3600.0


DEVICE = Pace(free=5)
STRANGERS = Pace(free=5)
ADDRESS = Pace(free=10)
OWN_MACHINE = Pace(free=5, longest_s=60.0)


@dataclass(slots=True)
class _Tally:
    failures: int = 0
    last_s: float = 0.0
    free_at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Try:
    """A login that is tried: the name as given, whether it is an account's, from where, on which known device.

    Without a name (one-time codes, too long to guess) it counts against where it comes from only.
    """

    name: str | None
    known: bool
    address: str
    device: bytes | None = None


class Throttle:
    """Counts wrong tries in memory of a fixed bound; times are monotonic seconds."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[object, ...], _Tally] = {}
        self._addresses: dict[str, _Tally] = {}
        self._salt = secrets.token_bytes(16)

    def wait_s(self, tried: Try, now_s: float) -> float:
        """Return how long this try must wait; 0 lets it be tried."""
        return max(0.0, *(tally.free_at_s - now_s for tally, _ in self._tallies(tried, now_s)))

    def failed(self, tried: Try, now_s: float) -> None:
        """Count a wrong try."""
        for tally, pace in self._tallies(tried, now_s):
            tally.failures += 1
            tally.last_s = now_s
            beyond = tally.failures - pace.free
            wait_s = 0.0 if beyond < 0 else min(pace.longest_s, pace.first_s * 2.0 ** min(beyond, 30))
            tally.free_at_s = now_s + wait_s

    def succeeded(self, tried: Try) -> None:
        """Forget the wrong tries of this device or machine; what strangers did to the name stays counted."""
        self._by_key.pop(self._key(tried)[0], None)

    def forget(self, name: str) -> None:
        """Forget all wrong tries of a name: its owner was at the console."""
        for key in [key for key in self._by_key if key[1] == name]:
            del self._by_key[key]

    def _tallies(self, tried: Try, now_s: float) -> list[tuple[_Tally, Pace]]:
        key, pace = self._key(tried)
        found = []
        if pace is not STRANGERS or tried.name is not None:
            found.append((_fresh(self._by_key.setdefault(key, _Tally()), pace, now_s), pace))
        if pace is STRANGERS:
            found.append((_fresh(self._address(network_of(tried.address)), ADDRESS, now_s), ADDRESS))
        return found

    def _key(self, tried: Try) -> tuple[tuple[object, ...], Pace]:
        name = tried.name if tried.known or tried.name is None else self._slot(tried.name)
        if tried.device is not None and tried.known:
            return ("device", name, tried.device), DEVICE
        if is_own_machine(tried.address):
            return ("machine", name), OWN_MACHINE
        return ("strangers", name), STRANGERS

    def _slot(self, name: str) -> int:
        # Names nobody has share few tallies, so that inventing names fills no memory; which, nobody can foresee.
        digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), key=self._salt, digest_size=4).digest()
        return int.from_bytes(digest, "big") % _UNKNOWN_NAMES

    def _address(self, network: str) -> _Tally:
        if network not in self._addresses and len(self._addresses) >= _ADDRESSES:
            least = min(self._addresses, key=lambda one: (self._addresses[one].failures, self._addresses[one].last_s))
            del self._addresses[least]
        return self._addresses.setdefault(network, _Tally())


def network_of(address: str) -> str:
    """Return what an address is counted under: itself, of IPv6 its /64, which one household has whole."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)


def is_own_machine(address: str) -> bool:
    """Tell whether an address is this machine's own."""
    try:
        return ipaddress.ip_address(network_of(address).partition("/")[0]).is_loopback or address == "::1"
    except ValueError:
        return False


def _fresh(tally: _Tally, pace: Pace, now_s: float) -> _Tally:
    if tally.failures and now_s - tally.last_s >= pace.forget_s:
        tally.failures, tally.free_at_s = 0, 0.0
    return tally
