"""The configuration over HTTP: read, validate, propose, apply, roll back, history.

The web knows the data interface only: a text goes as a draft through the door of whoever calls, and a command names it.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from heg.data.door import CommandAnswer, Door, Outcome
from heg.model.instance import ANY, Instance, Location
from heg.model.records import ConfigurationDraft, ConfigurationRecord
from heg.model.refusals import Refusal, RefusalCode, RefusedError
from heg.web.accounts.roles import Permission
from heg.web.answering import REFUSED, STATUS
from heg.web.configuration_messages import (
    Application,
    Between,
    Candidate,
    ConfigurationText,
    Configured,
    Difference,
    Numbered,
    ProposalInfo,
    RollBack,
    Verdict,
    VersionInfo,
    Versions,
)
from heg.web.endpoint import Answered, Call, Endpoint, Nothing, Nowhere, Reply, ordering, reading
from heg.web.house import Home
from heg.web.messages import iso

_PATH = "/api/v1/configuration"
_LARGEST_BODY_BYTES = 400_000
"""A text of 128 000 bytes, however much of it JSON has to escape."""
_WITHIN_S = 120.0
"""House seconds: devices are given back before their driver restarts."""
_PROPOSAL = "proposal"
_OWNERS_KEYS = ("[web]", "[clock]", "[unit] id", "[unit] state_dir")
"""Login and its way in; the clock that ends sessions and tokens; the folder in which accounts are."""


class ConfigurationApi:
    """Handlers of the configuration."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the rows."""
        may, large = Permission.CONFIGURE, _LARGEST_BODY_BYTES
        return (
            reading(_PATH, may, "the configuration in force", self._read, Configured, Nowhere),
            reading(f"{_PATH}/versions", may, "the versions that are kept", self._versions, Versions, Nowhere),
            reading(f"{_PATH}/versions/{{version}}", may, "one version", self._version, ConfigurationText, Numbered),
            reading(f"{_PATH}/diff", may, "what differs between two versions", self._diff, Difference, Between),
            ordering(
                f"{_PATH}/validate",
                may,
                "name all that is wrong with a text, and what it would do",
                self._validate,
                Verdict,
                Nowhere,
                Candidate,
                largest_body_bytes=large,
            ),
            ordering(
                f"{_PATH}/propose",
                may,
                "leave a text for others to look at and apply",
                self._propose,
                Verdict,
                Nowhere,
                Candidate,
                largest_body_bytes=large,
            ),
            ordering(
                f"{_PATH}/apply",
                may,
                "put a text into force",
                self._apply,
                Verdict,
                Nowhere,
                Application,
                largest_body_bytes=large,
            ),
            ordering(
                f"{_PATH}/rollback",
                may,
                "take the last change back, or go back to a version",
                self._roll_back,
                Verdict,
                Nowhere,
                RollBack,
                noted=True,
            ),
            ordering(f"{_PATH}/reload", may, "look at the file now", self._reload, Verdict, Nowhere, Nothing),
        )

    # Reading

    async def _read(self, call: Call[Nowhere, Nothing]) -> Answered:
        newest = call.door.latest("configuration", self._home.here)
        text = None if newest is None else _text_of(newest)
        return Configured(configuration=text, proposal=self._proposal(call.door))

    async def _versions(self, call: Call[Nowhere, Nothing]) -> Answered:
        kept = sorted(self._kept(call.door).values(), key=lambda one: one.version, reverse=True)
        return Versions(versions=tuple(_without_text(one) for one in kept))

    async def _version(self, call: Call[Numbered, Nothing]) -> Answered:
        return self._of(self._kept(call.door), call.wanted.version)

    async def _diff(self, call: Call[Between, Nothing]) -> Answered:
        kept, newest = self._kept(call.door), call.door.latest("configuration", self._home.here)
        in_force = _text_of(newest).version if newest is not None else 0
        after = self._of(kept, call.wanted.after or in_force)
        before = self._of(kept, call.wanted.before or max(1, after.version - 1))
        names = (f"version {before.version}", f"version {after.version}")
        import difflib  # a gateway is rarely asked to compare

        lines = difflib.unified_diff(before.toml.splitlines(), after.toml.splitlines(), *names, lineterm="")
        return Difference(before=before.version, after=after.version, lines=tuple(lines))

    def _kept(self, door: Door) -> Mapping[int, ConfigurationText]:
        found = door.latest_all("configuration", Location(self._home.unit, "", ANY))
        texts = (_text_of(one) for one in found if one.location.part)
        return {text.version: text for text in texts}

    def _of(self, kept: Mapping[int, ConfigurationText], version: int) -> ConfigurationText:
        if version in kept:
            return kept[version]
        came = f"{version}; kept are {min(kept, default=0)} to {max(kept, default=0)}"
        raise RefusedError(Refusal(RefusalCode.UNKNOWN_VARIABLE, "a version that is kept", came))

    def _proposal(self, door: Door) -> ProposalInfo | None:
        found = door.latest("configuration.draft", Location(self._home.unit, "", _PROPOSAL))
        if found is None or not isinstance(found.value, ConfigurationDraft) or not found.value.toml:
            return None
        draft = found.value
        return ProposalInfo(toml=draft.toml, digest=_digest(draft.toml), who=draft.who, why=draft.why)

    # Changing

    async def _validate(self, call: Call[Nowhere, Candidate]) -> Answered:
        said = self._draft(call, "check", call.body.toml, call.body.message)
        answer = await self._command(call, "check", said)
        # That a text is faulty is the answer to this question, and no failure of it.
        return _verdict_of(answer, said) if "faults" in (answer.detail or {}) else _verdict(answer, said)

    async def _propose(self, call: Call[Nowhere, Candidate]) -> Answered:
        checked = self._draft(call, "check", call.body.toml, call.body.message)
        answer = await self._command(call, "check", checked)
        if answer.outcome is not Outcome.REFUSED:
            self._draft(call, _PROPOSAL, call.body.toml, call.body.message)
        return _verdict(answer, checked)

    async def _apply(self, call: Call[Nowhere, Application]) -> Answered:
        body = call.body
        if body.toml is UNSET and body.digest is UNSET:
            raise RefusedError(Refusal(RefusalCode.WRONG_TYPE, "toml, or the digest of the proposal", "neither"))
        if body.toml is not UNSET:
            said = self._draft(call, "apply", body.toml, body.message)
        else:
            said = {"draft": _PROPOSAL, "digest": body.digest}
        said |= {"base": body.base, "message": body.message, "by": call.name, "sparing": _spared(call)}
        answer = await self._command(call, "apply", said)
        stood = self._proposal(call.door)
        if answer.outcome is not Outcome.REFUSED and stood is not None and stood.digest == said["digest"]:
            self._draft(call, _PROPOSAL, "", "")
        return _verdict(answer, said)

    async def _roll_back(self, call: Call[Nowhere, RollBack]) -> Answered:
        said: dict[str, object] = {"message": call.body.message, "by": call.name, "sparing": _spared(call)}
        if call.body.version is not UNSET:
            said["version"] = call.body.version
        return _verdict(await self._command(call, "rollback", said), {})

    async def _reload(self, call: Call[Nowhere, Nothing]) -> Answered:
        return _verdict(await self._command(call, "reload", {}), {})

    def _draft(self, call: Call[Any, Any], part: str, toml: str, why: str) -> dict[str, object]:
        """Write a draft; return the words that name it. Nothing is awaited between it and its command."""
        draft = ConfigurationDraft(toml, call.name, why)
        receipt = call.door.write("configuration.draft", Location(self._home.unit, "", part), draft)
        if receipt.refusal is not None:
            raise RefusedError(receipt.refusal)
        return {"draft": part, "digest": _digest(toml)}

    async def _command(self, call: Call[Any, Any], name: str, arguments: Mapping[str, object]) -> CommandAnswer:
        variable = f"command.configuration.{name}"
        return await call.door.command(variable, self._home.here, arguments, timeout_s=_WITHIN_S)


def _spared(call: Call[Any, Any]) -> str:
    """Who may come in, to which people and for how long: a token or an installer that changes it were an owner."""
    owner = call.who is None or Permission.ACCOUNTS in call.who.permissions
    return "" if owner else ";".join(_OWNERS_KEYS)


def _verdict(answer: CommandAnswer, said: Mapping[str, object]) -> Answered:
    verdict, refusal = _verdict_of(answer, said), answer.refusal
    if answer.outcome is not Outcome.REFUSED:
        return verdict
    return Reply(verdict, REFUSED if refusal is None else STATUS.get(refusal.code, REFUSED))


def _verdict_of(answer: CommandAnswer, said: Mapping[str, object]) -> Verdict:
    detail = dict(answer.detail or {})
    refusal = answer.refusal
    words = {
        "outcome": str(answer.outcome),
        "text": answer.text,
        "refusal": None if refusal is None else str(refusal),
        "digest": said.get("digest", ""),
        **detail,
    }
    return msgspec.convert(words, Verdict)


def _text_of(instance: Instance) -> ConfigurationText:
    record = instance.value
    assert isinstance(record, ConfigurationRecord)
    return ConfigurationText(
        version=record.version,
        since_utc=iso(instance.time),
        how=record.how,
        who=record.who,
        why=record.why,
        changes=record.changes,
        toml=record.toml,
    )


def _without_text(one: ConfigurationText) -> VersionInfo:
    return VersionInfo(
        version=one.version, since_utc=one.since_utc, how=one.how, who=one.who, why=one.why, changes=one.changes
    )


def _digest(toml: str) -> str:
    return hashlib.sha256(toml.encode("utf-8", "replace")).hexdigest()
