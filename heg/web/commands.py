"""The everyday orders over HTTP: one endpoint each, with its own body and its own permission."""

from collections.abc import Mapping

from heg.data.door import Outcome
from heg.web.accounts.roles import Permission
from heg.web.answering import REFUSED, STATUS
from heg.web.endpoint import Answered, Call, Endpoint, Nowhere, Reply, ordering
from heg.web.house import Home
from heg.web.messages import Answer
from heg.web.orders import ORDERS, Order, as_message, command_for

_PATH = "/api/v1/commands/"
_NEEDS: Mapping[str, Permission] = {"try": Permission.COMMISSION, "scan": Permission.COMMISSION}


class CommandsApi:
    """Handlers of the orders: they go through the door of whoever calls and wait for the one answer."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the rows."""
        return tuple(
            ordering(
                f"{_PATH}{name}",
                _NEEDS.get(name, Permission.COMMAND),
                _summary(order),
                self._command,
                Answer,
                Nowhere,
                order,
                noted=True,
            )
            for name, order in ORDERS.items()
        )

    async def _command(self, call: Call[Nowhere, Order]) -> Answered:
        command = command_for(call.body, self._home)
        given = await call.door.command(command.variable, command.place, command.arguments, timeout_s=command.timeout_s)
        if given.outcome is not Outcome.REFUSED:
            return as_message(given)
        code = None if given.refusal is None else given.refusal.code
        return Reply(as_message(given), REFUSED if code is None else STATUS.get(code, REFUSED))


def _summary(order: type[Order]) -> str:
    first = (order.__doc__ or "").splitlines()[0].partition(". ")[0].rstrip(".")
    return first[:1].lower() + first[1:]
