"""The messages of the data interface: its catalogue and its newest instances, and how series are named."""

from typing import Annotated

from msgspec import Meta

from heg.model.instance import Kind, Quality
from heg.web.messages import Message, Value

_PLACE_NAME = r"^[A-Za-z0-9._/*-]*$"
VariableName = Annotated[
    str, Meta(max_length=64, description="a catalogued variable such as power.active (GET /api/v1/variables)")
]
PlaceName = Annotated[
    str, Meta(max_length=64, pattern=_PLACE_NAME, description="a name such as battery; * stands for all")
]


class CataloguedVariable(Message, frozen=True):
    """A variable of the catalogue; `low` and `high` bound what is plausible, null without bound."""

    id: str
    kind: Kind
    unit: str
    description: str
    low: float | None
    high: float | None
    states: tuple[str, ...]


class Variables(Message, frozen=True):
    """The whole catalogue."""

    variables: tuple[CataloguedVariable, ...]


class NewestValue(Message, frozen=True):
    """The newest instance of a series."""

    variable: str
    device: str
    part: str
    time: str
    quality: Quality
    value: Value
    unit: str
    owner: str


class NewestValues(Message, frozen=True):
    """The newest instances under a pattern, in order of variable and place."""

    values: tuple[NewestValue, ...]
