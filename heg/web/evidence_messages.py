"""The messages of envelope and evidence."""

from heg.web.messages import Message
from heg.web.state_messages import EnvelopeNow


class EnvelopeState(Message, frozen=True):
    """The interval left to the connection point, null before there is one, and since when it is so."""

    envelope: EnvelopeNow | None
    since_utc: str | None


class EvidenceLine(Message, frozen=True):
    """A change: written when it happens, and again ten seconds later with what the grid meter shows then.

    `source` is whose limit changed ("" for all together, and for leases). Power in kW, null where the meter was lost.
    """

    time: str
    source: str
    device: str
    what: str
    reason: str
    text: str
    grid_before_kw: float | None
    grid_after_kw: float | None


class EvidencePage(Message, frozen=True):
    """Evidence in time order, and the cursor of the next page."""

    lines: tuple[EvidenceLine, ...]
    next_cursor: str | None
