"""What an appliance answers instead of doing: a code of UPnP control and a sentence."""

from dataclasses import dataclass
from enum import IntEnum

from heg.model.appliances import ApplianceFault


class SoapFault(IntEnum):
    """The errorCodes of UPnP Device Architecture 1.1, chapter 3, that are used here."""

    INVALID_ACTION = 401
    INVALID_ARGS = 402
    ACTION_FAILED = 501
    ARGUMENT_VALUE_INVALID = 600
    ARGUMENT_VALUE_OUT_OF_RANGE = 601
    STRING_ARGUMENT_TOO_LONG = 605


@dataclass(frozen=True, slots=True)
class Fault:
    """A refusal: the state is what it was. `text` says what was expected and what came."""

    code: SoapFault | ApplianceFault
    text: str
