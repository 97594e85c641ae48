"""The audit chain. Pure: each line's hash takes in the line before, so that nothing is altered, moved or cut unseen.

A line carries its hash (anybody can check an export) and a seal made with the unit's key (who has no key cannot make
the rest of the chain anew). The head, kept apart and sealed, tells a chain that was cut at its end.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

SEAL_BYTES = 16
_LONGEST_TEXT = 1000


class Kind(StrEnum):
    """What an audited line is about."""

    LOGIN = "login"
    LOGOUT = "logout"
    CLAIM = "claim"
    REFUSAL = "refusal"
    COMMAND = "command"
    ACCOUNT = "account"
    TOKEN = "token"  # noqa: S105 - a name
    KEY = "key"
    POLICY = "policy"
    CONTRACT = "contract"
    PERSONAL_DATA = "personal_data"
    CONFIGURATION = "configuration"
    EVIDENCE = "evidence"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class Note:
    """What is to be written down: who did what from where, and how it ended."""

    kind: Kind
    who: str
    address: str
    outcome: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain stands after its line `seq`."""

    seq: int
    hash: bytes


GENESIS = Head(0, hashlib.sha256(b"heg audit chain 1").digest())


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it is kept; `kind` and the other texts as they were found, altered or not."""

    seq: int
    time_ms: int
    kind: str
    who: str
    address: str
    outcome: str
    detail: str
    hash: bytes
    seal: bytes

    @property
    def head(self) -> Head:
        """Where the chain stands after this line."""
        return Head(self.seq, self.hash)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verifying found: `first_altered` is the number of the first line that is not what was written."""

    lines: int
    head: Head
    first_altered: int | None = None
    why: str = ""

    @property
    def good(self) -> bool:
        """True when every line is what was written, and none is missing."""
        return self.first_altered is None


def link(before: Head, note: Note, time_ms: int, key: bytes) -> Line:
    """Make the line that follows."""
    seq = before.seq + 1
    kept = (str(note.kind), _text(note.who), _text(note.address), _text(note.outcome), _text(note.detail))
    digest = _digest(before, seq, time_ms, *kept)
    return Line(seq, time_ms, *kept, digest, seal(key, digest))


def seal(key: bytes, content: bytes) -> bytes:
    """Return the seal of some content under the unit's key."""
    return hmac.digest(key, content, "sha256")[:SEAL_BYTES]


def verify(lines: Iterable[Line], base: Head, known: Iterable[Head], key: bytes | None) -> Verdict:
    """Walk a chain from `base` through every `known` head, the sealed one or one that was noted elsewhere.

    Without a head a cut at the end, without a key a chain made anew can't be told.
    """
    heads = {head.seq: head.hash for head in known}
    if (before := min(heads, default=base.seq)) < base.seq:
        return Verdict(0, base, before, f"line {before} was let go: only what follows line {base.seq} can be verified")
    if heads.get(base.seq, base.hash) != base.hash:
        return Verdict(0, base, base.seq, "another line was written here")
    at, count = base, 0
    for line in lines:
        if (why := _fault(at, line, heads, key)) is not None:
            return Verdict(count, at, min(line.seq, at.seq + 1) if line.seq > 0 else at.seq + 1, why)
        at, count = line.head, count + 1
    if at.seq < (last := max(heads, default=0)):
        return Verdict(count, at, at.seq + 1, f"the chain ends here, but line {last} was written")
    return Verdict(count, at)


def _fault(at: Head, line: Line, heads: Mapping[int, bytes], key: bytes | None) -> str | None:
    if line.seq != at.seq + 1:
        return f"line {at.seq + 1} is missing"
    kept = (line.kind, line.who, line.address, line.outcome, line.detail)
    try:
        digest = _digest(at, line.seq, line.time_ms, *kept)
    except UnicodeEncodeError:
        return "its text is none"
    if not hmac.compare_digest(digest, line.hash):
        return "its content or its place is not what was written"
    if key is not None and not hmac.compare_digest(seal(key, digest), line.seal):
        return "it was written without this unit's key"
    if heads.get(line.seq, line.hash) != line.hash:
        return "another line was written here"
    return None


def _text(text: str) -> str:
    """What came from outside may be no text at all, and without end."""
    return text[:_LONGEST_TEXT].encode("utf-8", "replace").decode()


def _digest(before: Head, seq: int, time_ms: int, *texts: str) -> bytes:
    # JSON of a list is unambiguous: no two lines have the same bytes.
    content = json.dumps([seq, time_ms, *texts], ensure_ascii=False, separators=(",", ":")).encode()
    return hashlib.sha256(before.hash + content).digest()


_TEXTS = ("kind", "who", "address", "outcome", "detail")


def as_json(line: Line) -> str:
    """Write a line of an export."""
    kept = {name: getattr(line, name) for name in ("seq", "time_ms", *_TEXTS)}
    return json.dumps({**kept, "hash": line.hash.hex(), "seal": line.seal.hex()}, ensure_ascii=False)


def from_json(text: str) -> Line:
    """Read a line of an export. Raises ValueError for a text that is none."""
    try:
        found = json.loads(text)
        kind, who, address, outcome, detail = (found[name] for name in _TEXTS)
        if not all(isinstance(one, str) for one in (kind, who, address, outcome, detail)):
            raise ValueError("expected texts")
        marks = bytes.fromhex(found["hash"]), bytes.fromhex(found["seal"])
        return Line(int(found["seq"]), int(found["time_ms"]), kind, who, address, outcome, detail, *marks)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError("expected a line of heg audit export") from error
