"""Appliances that their owner removed and that are in the network all the same: nothing is asked of them. Pure."""

from drivers.upnp.parts import Described

MOST = 1024


class Dismissed:
    """By UUID, those removed longest ago forgotten first; until the owner wants them, or the driver begins anew."""

    def __init__(self) -> None:
        self._described: dict[str, Described | None] = {}

    def __contains__(self, uuid: str) -> bool:
        return uuid in self._described

    def add(self, uuid: str, described: Described | None) -> None:
        """One is removed; `described` where it is there."""
        self._described.pop(uuid, None)
        if len(self._described) >= MOST:
            del self._described[next(iter(self._described))]
        self._described[uuid] = described

    def note(self, uuid: str, described: Described | None) -> None:
        """One that is removed is there, or went."""
        if uuid in self._described:
            self._described[uuid] = described

    def take_back(self, uuid: str) -> None:
        """One is wanted back."""
        self._described.pop(uuid, None)

    def take_all_back(self) -> list[Described]:
        """All are wanted back; return those that are there."""
        there = [one for one in self._described.values() if one is not None]
        self._described.clear()
        return there
