"""Why a gateway could not be asked, or did not do what it was asked: errors that a person can read."""

from heg.web.client.trust import Fingerprints
from heg.web.messages import Problem


class GatewayError(RuntimeError):
    """Base of all; the text says what was expected, what came and how to mend it."""


class UnreachableError(GatewayError):
    """Nobody answers, or the answer broke off or came too slowly."""


class StrangerError(GatewayError):
    """What answers is not the gateway that was meant, or none at all. Nothing secret was sent to it."""


class UntrustedError(StrangerError):
    """A peer of which nothing is known yet; a person may compare its fingerprints and accept them."""

    def __init__(self, text: str, fingerprints: Fingerprints) -> None:
        super().__init__(text)
        self.fingerprints = fingerprints


class RefusedError(GatewayError):
    """The gateway understood and refused."""

    def __init__(self, text: str, status: int, problem: Problem) -> None:
        super().__init__(text)
        self.status = status
        self.problem = problem


class LoginError(RefusedError):
    """It lets nobody in without a login, or this one does not suffice (401, 403)."""


class LaterError(RefusedError):
    """It cannot now, and may later (429, 503)."""
