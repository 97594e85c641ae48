"""What may be changed in a configuration's text by program, as values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Put:
    """Set a key (`("device", "battery", "reserve_share")`) to a plain value; sections on the way are made."""

    key: tuple[str, ...]
    value: object


@dataclass(frozen=True, slots=True)
class Drop:
    """Take a key or a whole section out; what is not there is no fault."""

    key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rename:
    """Give a key or section another last name, where it stands."""

    key: tuple[str, ...]
    name: str


@dataclass(frozen=True, slots=True)
class Append:
    """Put a value at the end of a list, which is made where it is missing; a table becomes a `[[section]]`."""

    key: tuple[str, ...]
    value: object


@dataclass(frozen=True, slots=True)
class Discard:
    """Take out of a list every item that equals one of these."""

    key: tuple[str, ...]
    values: tuple[object, ...]


Edit = Put | Drop | Rename | Append | Discard


class EditError(ValueError):
    """The text does not have the shape that an edit needs."""
