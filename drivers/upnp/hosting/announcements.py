"""What SSDP says of the gateway, as texts: that it is there, that it goes, and answers to who searches.

Source: UPnP Device Architecture 1.1, 1.1.2 to 1.3.3.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime

from drivers.upnp.exchange import PRODUCT
from heg.model.appliances import GATEWAY_DEVICE, GATEWAY_SERVICE

MAX_AGE_S = 1_800
_ROOT, _ALL = "upnp:rootdevice", "ssdp:all"
_LARGEST_ID = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Presence:
    """The gateway as it is announced. `boot_id` grows with each start and each new link, `config_id` tells descriptions
    apart.
    """

    uuid: str
    boot_id: int
    config_id: int

    def next(self) -> "Presence":
        """The same with the boot id that follows."""
        return replace(self, boot_id=self.boot_id + 1 if self.boot_id < _LARGEST_ID else 1)

    def targets(self) -> tuple[tuple[str, str], ...]:
        """Everything that it is: NT and USN of each announcement."""
        udn = f"uuid:{self.uuid}"
        return ((udn, udn), *((name, f"{udn}::{name}") for name in (_ROOT, GATEWAY_DEVICE, GATEWAY_SERVICE)))

    def wanted(self, target: str) -> tuple[tuple[str, str], ...]:
        """What of it a search target means: ST and USN of each answer."""
        if target == _ALL:
            return self.targets()
        name = target.lower() if target[:5].lower() == "uuid:" else target
        return tuple(one for one in self.targets() if one[0] == name)

    def alive(self, group: str, location: str) -> tuple[bytes, ...]:
        """Return the announcements of one link, one for each name."""
        more = (f"CACHE-CONTROL: max-age={MAX_AGE_S}", f"LOCATION: {location}", f"SERVER: {PRODUCT}")
        return self._notify("ssdp:alive", group, *more, *self._ids())

    def update(self, group: str, location: str) -> tuple[bytes, ...]:
        """Return what is said on the links that stay when the boot id changes."""
        more = (f"LOCATION: {location}", *self._ids(), f"NEXTBOOTID.UPNP.ORG: {self.next().boot_id}")
        return self._notify("ssdp:update", group, *more)

    def byebye(self, group: str) -> tuple[bytes, ...]:
        """Return the goodbyes of one link."""
        return self._notify("ssdp:byebye", group, *self._ids())

    def answer(self, target: str, usn: str, location: str, now: datetime) -> bytes:
        """Return the answer to a search."""
        return _text(
            "HTTP/1.1 200 OK",
            f"CACHE-CONTROL: max-age={MAX_AGE_S}",
            f"DATE: {format_datetime(now, usegmt=True)}",
            "EXT:",
            f"LOCATION: {location}",
            f"SERVER: {PRODUCT}",
            f"ST: {target}",
            f"USN: {usn}",
            *self._ids(),
            "CONTENT-LENGTH: 0",
        )

    def _notify(self, kind: str, group: str, *more: str) -> tuple[bytes, ...]:
        return tuple(
            _text("NOTIFY * HTTP/1.1", f"HOST: {group}", f"NT: {name}", f"NTS: {kind}", f"USN: {usn}", *more)
            for name, usn in self.targets()
        )

    def _ids(self) -> tuple[str, str]:
        return f"BOOTID.UPNP.ORG: {self.boot_id}", f"CONFIGID.UPNP.ORG: {self.config_id}"


def _text(*lines: str) -> bytes:
    return "\r\n".join([*lines, "", ""]).encode("ascii")
