"""Who waits for what: finds the mailboxes of a new instance without asking every subscriber."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from heg.data.access import Principal
from heg.data.door import Condition, Notification
from heg.data.mailbox import Mailbox, PeriodicMailbox
from heg.model.instance import ANY, Instance, Location
from heg.model.policy import Stakeholder

PER_PRINCIPAL_LIMIT = 256


@dataclass(frozen=True, slots=True, eq=False)
class EventSubscription:
    """One event subscription: whose, on what, and where its notifications go."""

    who: Principal
    variable: str
    pattern: Location
    condition: Condition
    mailbox: Mailbox

    def wants(self, instance: Instance, *, late: bool) -> bool:
        """Tell whether this instance is to be delivered; a late row is nobody's newest, so conflating boxes skip it."""
        return (
            not (late and self.mailbox.conflating)
            and instance.location.matches(self.pattern)
            and self.condition.holds(instance)
        )


@dataclass(frozen=True, slots=True)
class PeriodicKey:
    """A periodic subscription is one per (source, variable, owner) (spec data-interface.md, Operations)."""

    who: Principal
    variable: str
    owner: Stakeholder


class Switchboard:
    """All subscriptions by variable and by request."""

    def __init__(self) -> None:
        self._events: dict[str, list[EventSubscription]] = {}
        self._periodic: dict[PeriodicKey, PeriodicMailbox] = {}
        self._by_request: dict[int, tuple[Principal, Mailbox | PeriodicMailbox]] = {}

    def room_for(self, who: Principal) -> bool:
        """Tell whether a principal may subscribe once more."""
        return sum(owner is who for owner, _ in self._by_request.values()) < PER_PRINCIPAL_LIMIT

    def add_event(self, subscription: EventSubscription) -> None:
        """Take in an event subscription."""
        self._events.setdefault(subscription.variable, []).append(subscription)
        self._by_request[subscription.mailbox.receipt.request] = (subscription.who, subscription.mailbox)

    def add_periodic(self, key: PeriodicKey, mailbox: PeriodicMailbox) -> None:
        """Take in a periodic subscription; one with the same key ends."""
        if (previous := self._periodic.get(key)) is not None:
            previous.close()
        self._periodic[key] = mailbox
        self._by_request[mailbox.receipt.request] = (key.who, mailbox)

    def waiting_for(self, instance: Instance, *, late: bool) -> list[EventSubscription]:
        """Return the event subscriptions that this instance satisfies."""
        named = self._events.get(instance.variable, ())
        everything = self._events.get(ANY, ())
        if not named and not everything:
            return []
        return [s for s in (*named, *everything) if s.wants(instance, late=late)]

    def forget(self, mailbox: Mailbox | PeriodicMailbox) -> None:
        """A mailbox closed: nothing is delivered to it any more."""
        self._by_request.pop(mailbox.receipt.request, None)
        for variable, subscriptions in list(self._events.items()):
            left = [s for s in subscriptions if s.mailbox is not mailbox]
            if left:
                self._events[variable] = left
            else:
                del self._events[variable]
        self._periodic = {key: box for key, box in self._periodic.items() if box is not mailbox}

    def close(self, request: int, who: Principal) -> bool:
        """End the subscription with this id; False when this principal has none such."""
        owner, mailbox = self._by_request.get(request, (None, None))
        if mailbox is None or owner is not who:
            return False
        mailbox.close()
        return True

    def purge(self, may_read: Callable[[Principal, Instance], bool]) -> None:
        """Take out of every mailbox what its subscriber may not read any more."""
        for who, mailbox in self._by_request.values():
            mailbox.keep(partial(may_read, who))

    def close_all(self) -> None:
        """End every subscription: the interface closes."""
        for _, mailbox in list(self._by_request.values()):
            mailbox.close()


def deliver(subscription: EventSubscription, instance: Instance) -> None:
    """Put a notification into the subscription's mailbox."""
    subscription.mailbox.put(Notification(subscription.mailbox.receipt.request, instance))
