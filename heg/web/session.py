"""The session where nobody is asked who they are. With a login it is `login`'s, with all of accounts behind it."""

from heg.web.endpoint import Answered, Call, Endpoint, Nothing, Nowhere, Open, reading
from heg.web.login_messages import WITHOUT_LOGIN, SessionState

SESSION = "/api/v1/session"


def without_login() -> tuple[Endpoint, ...]:
    """Return the one row that a gateway without a login has of a login's: the page asks it first."""

    async def session(_call: Call[Nowhere, Nothing]) -> Answered:
        return WITHOUT_LOGIN

    return (reading(SESSION, Open.TO_ANYBODY, "that nobody is asked who they are", session, SessionState, Nowhere),)
