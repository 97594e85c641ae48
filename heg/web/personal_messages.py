"""Messages of export and erasure."""

from typing import Annotated

from msgspec import Meta

from heg.web.endpoint import Asked
from heg.web.messages import Message
from heg.web.spans import Moment, Span
from heg.web.value_messages import PlaceName


class ErasureOffer(Message, frozen=True):
    """What would go, at most, and the word that confirms it once, within `valid_s` seconds."""

    confirm: str
    valid_s: float
    what: str
    rows_at_most: int
    rollups_at_most: int
    series: int
    first: str | None
    last: str | None


class Erased(Message, frozen=True):
    """`done` false: it goes on, and the variable `erasure` tells when it is done. `rows` is how many values went."""

    done: bool
    rows: int | None
    text: str


class ExportWanted(Span, frozen=True):
    """What is to be handed out: of one device ("" is the unit itself), of a span; without them everything."""

    device: PlaceName | None = None


class Erasure(Asked, frozen=True):
    """What is to be erased: of one device ("" is the unit itself), of a span; without them everything."""

    device: PlaceName | None = None
    since: Moment | None = None
    until: Moment | None = None


class Confirmation(Asked, frozen=True):
    """The word that was told with what would go."""

    confirm: Annotated[str, Meta(min_length=1, max_length=64, description="the word told by POST /api/v1/erasure")]
