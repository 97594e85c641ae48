"""What a command of the configuration says, and the answers that refuse one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from heg.config.changes import Change
from heg.config.reader import ConfigError
from heg.data.door import CommandAnswer, Door, Outcome
from heg.model.instance import Location
from heg.model.records import ConfigurationDraft, ConfigurationRecord
from heg.model.refusals import Refusal, RefusalCode
from heg.unit.source import digest_of, faults_of

DRAFTS = ("check", "apply", "proposal")
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class Wish:
    """The arguments: which draft and its digest, the version it was made from, the one to go back to, who, and why.

    `sparing` names keys, with ";" between, whose change is not for whoever asks: `[web]` is all of that section.
    """

    draft: str = ""
    digest: str = ""
    base: int = 0
    version: int = 0
    who: str = ""
    why: str = ""
    sparing: str = ""


_KEYS = {
    "draft": "draft",
    "digest": "digest",
    "base": "base",
    "version": "version",
    "by": "who",
    "message": "why",
    "sparing": "sparing",
}


def wish_of(arguments: Mapping[str, object]) -> Wish | Refusal:
    """Read the arguments; or say what is wrong with them."""
    said: dict[str, str | int] = {}
    for key, value in arguments.items():
        if key not in _KEYS:
            return Refusal(RefusalCode.WRONG_TYPE, f"any of {', '.join(_KEYS)}", key[:60])
        number = key in ("base", "version")
        if isinstance(value, bool) or not isinstance(value, int if number else str):
            return Refusal(RefusalCode.WRONG_TYPE, f"{key} as {'a number' if number else 'a text'}", repr(value)[:60])
        if isinstance(value, int):
            if not 0 <= value < 2**31:
                return Refusal(RefusalCode.OUT_OF_RANGE, f"{key} as a version's number", str(value)[:60])
            said[_KEYS[key]] = value
        elif isinstance(value, str):
            if len(value) > _LONGEST or any(letter < " " or letter == "\x7f" for letter in value):
                return Refusal(RefusalCode.TOO_LARGE, f"{key} on one line of at most {_LONGEST} letters")
            said[_KEYS[key]] = value
    return Wish(**said)  # type: ignore[arg-type]  # each key was checked above


def draft_of(door: Door, here: Location, wish: Wish | Refusal) -> str | Refusal:
    """Return the proposed text, if it is the one that a command means."""
    if isinstance(wish, Refusal):
        return wish
    if wish.draft not in DRAFTS:
        return Refusal(RefusalCode.OUT_OF_RANGE, f"draft as one of {', '.join(DRAFTS)}", wish.draft[:40])
    instance = door.latest("configuration.draft", Location(here.unit, "", wish.draft))
    draft = instance.value if instance is not None else None
    if not isinstance(draft, ConfigurationDraft):
        return Refusal(RefusalCode.NOT_READY, "a proposed text in configuration.draft", "none")
    if wish.digest != digest_of(draft.toml):
        return Refusal(RefusalCode.CONFLICT, "the digest (sha256) of configuration.draft", wish.digest[:64])
    return draft.toml


def refused(refusal: Refusal) -> CommandAnswer:
    """Return the answer that refuses."""
    return CommandAnswer(Outcome.REFUSED, str(refusal), refusal)


def faulty(error: ConfigError) -> CommandAnswer:
    """Refuse a text, with all its faults."""
    count = len(error.faults)
    refusal = Refusal(
        RefusalCode.WRONG_TYPE,
        "a configuration without faults",
        f"{count} fault{'s' if count > 1 else ''}: {error}"[:1000],
        "see faults; nothing was changed",
    )
    return CommandAnswer(Outcome.REFUSED, str(error)[:2000], refusal, {"faults": faults_of(error)})


def not_theirs(wish: Wish, differs: Iterable[Change]) -> CommandAnswer | None:
    """Refuse a change of keys that are not for whoever asks."""
    spared = tuple(key for key in wish.sparing.split(";") if key)
    found = tuple(str(one) for one in differs if one.key.startswith(spared)) if spared else ()
    if not found:
        return None
    refusal = Refusal(
        RefusalCode.NOT_GRANTED,
        f"a change that leaves {', '.join(spared)} as they are",
        "; ".join(found)[:400],
        "who may come in is for the owner, logged in, to say",
    )
    return CommandAnswer(Outcome.REFUSED, str(refusal), refusal, {"changes": list(found)})


def stale(base: int, newest: ConfigurationRecord, differs: tuple[str, ...]) -> CommandAnswer:
    """Refuse a change that was made from another version than the one in force."""
    came = f"version {base}" if base else "no version"
    refusal = Refusal(
        RefusalCode.CONFLICT,
        f"a change of version {newest.version}, which is in force",
        came,
        "read the configuration again and make the change there",
    )
    detail = {"version": newest.version, "changes": list(differs)}
    return CommandAnswer(Outcome.REFUSED, str(refusal), refusal, detail)
