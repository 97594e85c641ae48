"""What the API says of the configuration, and what it is told."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field

from heg.web.endpoint import Asked, Wanted
from heg.web.messages import Message

_ONE_LINE = r"^[^\x00-\x1f\x7f]*$"
_LONGEST_TEXT = 128_000

Toml = Annotated[str, Meta(max_length=_LONGEST_TEXT, description="the whole file as TOML, at most 128000 bytes")]
Why = Annotated[str, Meta(max_length=400, pattern=_ONE_LINE, description="why, on one line of at most 400 letters")]
Number = Annotated[int, Meta(ge=1, le=2**31 - 1, description="a version's number, such as 7")]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$", description="the digest of the standing proposal")]


class VersionInfo(Message, frozen=True):
    """A version: when and how it came into force (`start`, `by hand`, `applied`, `rolled back`), by whom, why, and what
    it changed, key by key.
    """

    version: int
    since_utc: str
    how: str
    who: str
    why: str
    changes: tuple[str, ...]


class ConfigurationText(VersionInfo, frozen=True):
    """A version with its text; secrets stand in it by reference only."""

    toml: str


class ProposalInfo(Message, frozen=True):
    """A text that somebody proposes; `digest` names it for whoever applies it."""

    toml: str
    digest: str
    who: str
    why: str


class Configured(Message, frozen=True):
    """The configuration in force, and the proposal that stands, if there is one."""

    configuration: ConfigurationText | None
    proposal: ProposalInfo | None


class Versions(Message, frozen=True):
    """The versions that can be gone back to, the newest first."""

    versions: tuple[VersionInfo, ...]


class Difference(Message, frozen=True):
    """What differs between two versions, as lines of a unified diff."""

    before: int
    after: int
    lines: tuple[str, ...]


class FaultInfo(Message, frozen=True):
    """One fault of a text: the key, what came, what was expected."""

    where: str
    came: str
    expected: str


class EffectsInfo(Message, frozen=True):
    """What a text would do: tasks that restart, begin and end, what changes while it runs, what waits for a start."""

    restarts: tuple[str, ...] = ()
    begins: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    in_place: tuple[str, ...] = ()
    renames: tuple[str, ...] = ()
    at_next_start: tuple[str, ...] = ()


class Verdict(Message, frozen=True):
    """What became of a text. `version` is in force now; `digest` names the text that was sent."""

    outcome: str
    text: str
    version: int | None = None
    digest: str = ""
    faults: tuple[FaultInfo, ...] = ()
    changes: tuple[str, ...] = ()
    effects: EffectsInfo | None = None
    refusal: str | None = None


class Candidate(Asked, frozen=True):
    """A text to be checked, or proposed for others to apply."""

    toml: Toml
    message: Why = ""


class Application(Asked, frozen=True):
    """A text, or the digest of the standing proposal, to be put into force in place of version `base`."""

    base: Number
    toml: Toml | UnsetType = UNSET
    digest: Digest | UnsetType = UNSET
    message: Why = ""


class RollBack(Asked, frozen=True):
    """Which version to go back to; without one the last change is taken back."""

    version: Number | UnsetType = UNSET
    message: Why = ""


class Numbered(Wanted, frozen=True):
    """A version's number."""

    version: Number


class Between(Wanted, frozen=True):
    """Two versions; by default the one in force and the one before it."""

    before: Number | None = field(name="from", default=None)
    after: Number | None = field(name="to", default=None)
