"""SOAP 1.1 of UPnP control as texts, without a socket: what is sent is checked, what comes back is believed in nothing.

Source: UPnP Device Architecture 1.1, 3.1 (action), 3.2 (error).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from drivers.upnp.actions import Action, Argument, Kind
from drivers.upnp.envelope import CONTROL, ENVELOPE, contents, enclosed
from drivers.upnp.markup import Caps, Element, MarkupError, escaped, read
from heg.model.appliances import ApplianceFault
from heg.model.local_times import time_of_day
from heg.model.refusals import Refusal, RefusalCode

Value = str | int | bool | datetime | None
CAPS = Caps(size=8_192, deep=8, elements=48, text=4_096)
_OK, _FAULT = 200, 500
_LONGEST_TEXT = 120
_WHOLE = re.compile(r"[+-]?[0-9]{1,10}", re.ASCII)
_TRUTHS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_OWN_JUDGEMENT = frozenset({ApplianceFault.UNSAFE, ApplianceFault.BUSY, ApplianceFault.NOT_NOW})


@dataclass(frozen=True, slots=True)
class Fault:
    """An appliance's no: a UPnP error."""

    code: int
    text: str

    @property
    def own_judgement(self) -> bool:
        """Tell whether it judged the order itself, and stays as it is (spec upnp-appliances.md, own judgement)."""
        return self.code in _OWN_JUDGEMENT

    @property
    def cannot(self) -> bool:
        """Tell whether it has no such thing: the way to say so where the table of actions has no word for it."""
        return self.code in _CANNOT

    def refusal(self, action: str) -> Refusal:
        """Return what is told of it."""
        name = _FAULTS.get(self.code, "an error of its own")
        code = RefusalCode.UNSUPPORTED if self.code in _UNSUPPORTED else RefusalCode.DEVICE_REFUSED
        said = f"UPnP error {self.code} ({name})"
        return Refusal(code, f"{action} to be carried out", f"{said}: {self.text}" if self.text else said)


_UNSUPPORTED = frozenset({401, 602})
_CANNOT = _UNSUPPORTED | {501}
_FAULTS: Mapping[int, str] = {
    401: "no such action",
    402: "arguments refused",
    501: "failed",
    600: "value refused",
    601: "value out of range",
    602: "not built",
    605: "text too long",
    606: "not authorised",
    ApplianceFault.UNSAFE: "unsafe",
    ApplianceFault.BUSY: "busy",
    ApplianceFault.NOT_REGISTERED: "not registered",
    ApplianceFault.TOO_MANY: "too many",
    ApplianceFault.NOT_YOURS: "not yours",
    ApplianceFault.NOT_NOW: "not now",
}

Answer = Mapping[str, Value]


def header(action: Action) -> str:
    """Return the value of the header SOAPACTION."""
    return f'"{action.service}#{action.name}"'


def encode(action: Action, values: Mapping[str, Value]) -> bytes | Refusal:
    """Return the body of a request; refused is what the action's own table would not let pass."""
    parts = []
    for argument in action.inputs:
        value = values.get(argument.name)
        text = _written(value)
        if (problem := _problem(argument, text)) is not None:
            return Refusal(RefusalCode.OUT_OF_RANGE, f"{argument.name} of {action.name}: {problem}", _shown(text))
        parts.append(f"<{argument.name}>{escaped(text)}</{argument.name}>")
    if unknown := values.keys() - {argument.name for argument in action.inputs}:
        return Refusal(RefusalCode.WRONG_KIND, f"only the arguments of {action.name}", ", ".join(sorted(unknown)))
    name = f"u:{action.name}"
    return enclosed(f'<{name} xmlns:u="{action.service}">{"".join(parts)}</{name}>')


def decode(action: Action, status: int, body: bytes) -> Answer | Fault | Refusal:
    """Return what an HTTP answer to the action says; a refusal where it is no such answer."""
    if status not in (_OK, _FAULT):
        return _no_answer(action, f"HTTP status {status}")
    try:
        told = contents(read(body, CAPS))[:1]
    except MarkupError as error:
        return _no_answer(action, str(error))
    if not told:
        return _no_answer(action, "no SOAP envelope")
    return _of_element(action, status, told[0])


def _of_element(action: Action, status: int, told: Element) -> Answer | Fault | Refusal:
    if told.name == "Fault" and told.space == ENVELOPE:
        return _fault(told) or _no_answer(action, "a SOAP fault without a UPnP error")
    if status != _OK or told.name != f"{action.name}Response" or told.space != action.service:
        return _no_answer(action, f"{_shown(told.name)} of {_shown(told.space)} with HTTP status {status}")
    return _arguments(action, told)


def _arguments(action: Action, told: Element) -> Answer | Refusal:
    texts: dict[str, str] = {}
    for name, text in told.texts():
        if name in texts:
            return _no_answer(action, f"{_shown(name)} twice")
        texts[name] = text
    values: dict[str, Value] = {}
    for argument in action.outputs:
        if argument.name not in texts:
            return _no_answer(action, f"none without {argument.name}")
        text = texts[argument.name]
        if (problem := _problem(argument, text)) is not None:
            expected = f"{argument.name} of {action.name}: {problem}"
            return Refusal(RefusalCode.OUT_OF_RANGE, expected, _shown(text), "its maker must mend that")
        values[argument.name] = _READ[argument.kind](text)
    return values


def _fault(told: Element) -> Fault | None:
    detail = told.child("detail")
    error = detail.child("UPnPError") if detail is not None else None
    if error is None or error.space != CONTROL:
        return None
    texts = dict(error.texts())
    code = texts.get("errorCode", "")
    if not _WHOLE.fullmatch(code):
        return None
    return Fault(int(code), shortened(texts.get("errorDescription", "")))


def _no_answer(action: Action, came: str) -> Refusal:
    return Refusal(RefusalCode.WRONG_TYPE, f"an answer to {action.name}", came, "its maker must mend that")


def shortened(text: str, most: int = _LONGEST_TEXT) -> str:
    """Return a stranger's text as it may stand in a log: printable, on one line, short."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:most]).strip()


def _shown(text: str) -> str:
    return repr(shortened(text, 40))


# Arguments: their texts and what these mean.


def _written(value: Value) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return "" if value is None else str(value)


def _problem(argument: Argument, text: str) -> str | None:
    """Return what was expected where a text is not what the table allows."""
    match argument.kind:
        case Kind.TEXT:
            return _text_problem(argument, text)
        case Kind.WHOLE:
            sound = _WHOLE.fullmatch(text) is not None and argument.low <= int(text) <= argument.high
            return None if sound else f"a whole number of {argument.low} to {argument.high}"
        case Kind.CLOCK:
            return None if time_of_day(text) is not None else argument.kind.value
        case Kind.TRUTH:
            return None if text.lower() in _TRUTHS else argument.kind.value
        case Kind.MOMENT:
            sound = not text or (len(text) <= argument.longest and moment(text) is not None)
            return None if sound else argument.kind.value


def _text_problem(argument: Argument, text: str) -> str | None:
    if len(text) > argument.longest:
        return f"at most {argument.longest} letters"
    if not text.isprintable():
        return "printable letters"
    if argument.allowed and text not in argument.allowed:
        return f"one of {', '.join(argument.allowed)}"
    return None


def moment(text: str) -> datetime | None:
    """Return the UTC moment that a dateTime.tz says; None for anything else, one without a zone too."""
    try:
        read_time = datetime.fromisoformat(text)
        return read_time.astimezone(UTC) if read_time.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


_READ: Mapping[Kind, Callable[[str], Value]] = {
    Kind.TEXT: str,
    Kind.WHOLE: int,
    Kind.CLOCK: str,
    Kind.TRUTH: lambda text: _TRUTHS[text.lower()],
    Kind.MOMENT: lambda text: moment(text) if text else None,
}
