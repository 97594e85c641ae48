"""The customer's standing rules in force, and the contracts they are held against (spec data-interface.md).

Rules and contracts are two records of the unit, whole with each change. Who may write them, the door says; what they
may say, this module.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from heg.data.access import OWNERS_ALONE
from heg.data.image import Series
from heg.data.validation import location_refusal
from heg.model.catalogue import CATALOGUE
from heg.model.instance import ANY, Location
from heg.model.policy import ANY_SERVICE, CUSTOMER, Policy, Right, Role, Stakeholder
from heg.model.records import AlarmRecord, Severity
from heg.model.refusals import Refusal, RefusalCode
from heg.model.rights import Conflict, Contract, ContractBook, PolicyBook, Rule, Scope, conflicts, policy_of

CONFLICT_ALARM = "contract-conflict"

MOST_RULES = 128
MOST_CONTRACTS = 16
MOST_DEMANDS = 32
LONGEST_DELAY_S = timedelta(days=366).total_seconds()
_LONGEST_WORDS = 2_000
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CONTRACTED = (Role.DSO, Role.SUPPLIER)
_SHOWN = 3


class RightsKeeper:
    """Knows the rules in force, what they say of a series, and which contract they do not meet.

    Until it is `ready` (what the last run left is known) nothing can be changed.
    """

    def __init__(
        self, unit: str, utc: Callable[[], datetime], write_itself: Callable[[str, Location, object], object]
    ) -> None:
        self._here = Location(unit)
        self._utc = utc
        self._write_itself = write_itself
        self._policies = PolicyBook()
        self._contracts = ContractBook()
        self.ready = True
        self._generation = 0
        self._known: dict[Policy, Policy] = {}
        self._raised: AlarmRecord | None = None
        self._judged: tuple[PolicyBook, tuple[Contract, ...]] | None = None
        self._found: tuple[Conflict, ...] = ()

    def in_force(self, series: Series) -> Policy:
        """Return the policy of a series, reckoned anew after the rules have changed."""
        if series.generation != self._generation:
            series.generation = self._generation
            if series.owner == CUSTOMER and not (series.policy.given and self._leaves(series)):
                series.policy = self.of_new(series.variable.id, series.location)
        return series.policy

    def of_new(self, variable: str, location: Location) -> Policy:
        """Return what the rules say of a series of the customer's."""
        found = policy_of(self._policies.rules, variable, location)
        # One object for equal policies: the store looks only whether it is another.
        return self._known.setdefault(found, found)

    def give(self, series: Series, policy: Policy) -> Refusal | None:
        """Take a policy that the owner gives with an instance; refused where a rule names that series."""
        if series.owner == CUSTOMER and not self._leaves(series):
            expected = f"no policy with {series.variable.id}: a rule names this series"
            return Refusal(RefusalCode.CONFLICT, expected, "one", "change the rule")
        if not series.policy.given or series.policy.grants != policy.grants:
            series.policy = Policy(policy.grants, given=True)
        series.generation = self._generation
        return None

    def refusal(self, variable: str, location: Location, value: object) -> Refusal | None:
        """Say why rules or contracts cannot be taken; None for any other variable."""
        if not isinstance(value, PolicyBook | ContractBook):
            return None
        if not self.ready:
            # What is in force would be overwritten unseen.
            return Refusal(RefusalCode.NOT_READY, "an open store", "none", "see the store's alarm; ask again later")
        if location != self._here:
            return Refusal(RefusalCode.UNSUPPORTED, f"{variable} at {self._here}", str(location))
        if isinstance(value, PolicyBook):
            return self._policies_refusal(value)
        return self._contracts_refusal(value)

    def take(self, value: object) -> bool:
        """Put accepted rules or contracts in force; tells whether accesses must be judged anew."""
        if isinstance(value, ContractBook):
            self._contracts = value
        if isinstance(value, PolicyBook):
            self._policies = value
            self._generation += 1
            self._known.clear()
        return isinstance(value, PolicyBook)

    def conflicts(self) -> tuple[Conflict, ...]:
        """Return which demands of contracts that hold now the rules do not meet."""
        now = self._utc()
        judged = self._policies, tuple(one for one in self._contracts.contracts if one.holds(now))
        if self._judged is None or self._judged[0] is not judged[0] or self._judged[1] != judged[1]:
            self._judged, self._found = judged, conflicts(judged[1], self._policies.rules, _VARIABLES)
        return self._found

    def tend(self) -> None:
        """Raise or end the alarm: contracts begin and end by the clock."""
        found = self.conflicts()
        if not found and self._raised is None:
            return
        more = f" And {len(found) - _SHOWN} more." if len(found) > _SHOWN else ""
        text = ". ".join(map(str, found[:_SHOWN])) + "." + more if found else "The rules meet every contract again."
        mend = "Grant it, or end the contract: heg policies, heg contracts." if found else ""
        record = AlarmRecord(bool(found), Severity.WARNING, text, mend)
        if record != self._raised:
            self._raised = record
            self._write_itself("alarm", Location(self._here.unit, "", CONFLICT_ALARM), record)

    def _leaves(self, series: Series) -> bool:
        """Tell whether no rule names exactly this series."""
        place = series.location
        exactly = Scope(series.variable.id, place.device, place.part)
        return all(rule.scope != exactly for rule in self._policies.rules)

    def _policies_refusal(self, book: PolicyBook) -> Refusal | None:
        refusal = _version_refusal(book.version, self._policies.version) or _words_refusal(
            book.by, book.address, book.change
        )
        if refusal is None and len(book.rules) > MOST_RULES:
            refusal = Refusal(RefusalCode.TOO_LARGE, f"at most {MOST_RULES} rules", str(len(book.rules)))
        refusal = refusal or _first(_rule_refusal(rule) for rule in book.rules) or _twice_refusal(book)
        return refusal or self._conflict_refusal(self._contracts, book, forced=book.forced)

    def _contracts_refusal(self, book: ContractBook) -> Refusal | None:
        refusal = _version_refusal(book.version, self._contracts.version) or _words_refusal(
            book.by, book.address, book.change
        )
        refusal = refusal or _contract_refusal(book)
        return refusal or self._conflict_refusal(book, self._policies, forced=book.forced)

    def _conflict_refusal(self, contracts: ContractBook, policies: PolicyBook, *, forced: bool) -> Refusal | None:
        """Refuse what would leave a contract unmet that was met, unless the owner knows of it."""
        if forced:
            return None
        now = self._utc()
        known = conflicts(self._contracts.contracts, self._policies.rules, _VARIABLES)
        standing = {(one.contract, one.demand) for one in known}
        to_come = [one for one in contracts.contracts if not one.over(now)]
        found = conflicts(to_come, policies.rules, _VARIABLES)
        new = [one for one in found if (one.contract, one.demand) not in standing]
        if not new:
            return None
        came = "; ".join(map(str, new[:_SHOWN]))
        return Refusal(RefusalCode.CONFLICT, "policies that meet every contract", came, "grant it first, or insist")


_VARIABLES: Sequence[str] = tuple(CATALOGUE)


def _version_refusal(came: int, before: int) -> Refusal | None:
    if came == before + 1:
        return None
    expected = f"a change of version {before}"
    return Refusal(RefusalCode.CONFLICT, expected, f"one of version {came - 1}", "read it again")


def _words_refusal(by: str, address: str, change: str) -> Refusal | None:
    longest = max(len(by), len(address), len(change))
    if longest <= _LONGEST_WORDS:
        return None
    return Refusal(RefusalCode.TOO_LARGE, f"at most {_LONGEST_WORDS} characters of who and what", str(longest))


def _twice_refusal(book: PolicyBook) -> Refusal | None:
    if len({rule.key for rule in book.rules}) != len(book.rules):
        return Refusal(RefusalCode.CONFLICT, "one rule for a service and a scope", "two")
    numbers = {rule.number for rule in book.rules}
    if len(numbers) != len(book.rules) or not all(0 < number <= book.last_number for number in numbers):
        return Refusal(RefusalCode.CONFLICT, "each rule with a number of its own", "others")
    return None


def _rule_refusal(rule: Rule) -> Refusal | None:
    refusal = _stakeholder_refusal(rule.stakeholder) or _scope_refusal(rule.scope) or _delay_refusal(rule.min_delay_s)
    if refusal is None and rule.service != ANY_SERVICE and _SERVICE.fullmatch(rule.service) is None:
        refusal = Refusal(RefusalCode.WRONG_TYPE, "a service's name, or * for any", repr(rule.service)[:80])
    if refusal is None and Right.WRITE in rule.rights and rule.scope.variable in OWNERS_ALONE:
        refusal = Refusal(RefusalCode.UNSUPPORTED, f"{rule.scope.variable} written by its owner", str(rule.stakeholder))
    return refusal


def _contract_refusal(book: ContractBook) -> Refusal | None:
    demands = sum(len(one.demands) for one in book.contracts)
    if len(book.contracts) > MOST_CONTRACTS or demands > MOST_DEMANDS:
        expected = f"at most {MOST_CONTRACTS} contracts with {MOST_DEMANDS} demands together"
        return Refusal(RefusalCode.TOO_LARGE, expected, f"{len(book.contracts)} with {demands}")
    if len({one.name for one in book.contracts}) != len(book.contracts):
        return Refusal(RefusalCode.CONFLICT, "one contract of a name", "two")
    for one in book.contracts:
        if _NAME.fullmatch(one.name) is None:
            expected = "a contract's name of 1 to 32 letters a to z, digits, dots and dashes"
            return Refusal(RefusalCode.WRONG_TYPE, expected, repr(one.name)[:80])
        if one.stakeholder.role not in _CONTRACTED:
            expected = "a contract of the DSO or a supplier; others are served by policies alone"
            return Refusal(RefusalCode.UNSUPPORTED, expected, str(one.stakeholder)[:80])
        if any(time is not None and time.tzinfo is None for time in (one.since, one.until)) or (
            one.since is not None and one.until is not None and one.until <= one.since
        ):
            return Refusal(RefusalCode.BAD_TIME, "since before until, both with zone", f"{one.since} to {one.until}")
        if not one.demands or not all(demand.rights for demand in one.demands):
            return Refusal(RefusalCode.WRONG_TYPE, "a contract that asks for something", "nothing")
        refusal = _stakeholder_refusal(one.stakeholder) or _first(
            _scope_refusal(demand.scope) or _delay_refusal(demand.min_delay_s) for demand in one.demands
        )
        if refusal is not None:
            return refusal
    return None


def _stakeholder_refusal(stakeholder: Stakeholder) -> Refusal | None:
    if stakeholder.role is not Role.CUSTOMER and _NAME.fullmatch(stakeholder.name) is not None:
        return None
    return Refusal(RefusalCode.WRONG_TYPE, "another stakeholder with a name, such as dso:north", str(stakeholder)[:80])


def _scope_refusal(scope: Scope) -> Refusal | None:
    if not any(scope.names(variable) for variable in _VARIABLES):
        expected = "a variable of the catalogue, a family such as power.*, or *"
        return Refusal(RefusalCode.UNKNOWN_VARIABLE, expected, repr(scope.variable)[:80])
    return location_refusal(Location(ANY, scope.device, scope.part), pattern=True)


def _delay_refusal(delay_s: float) -> Refusal | None:
    if math.isfinite(delay_s) and 0.0 <= delay_s <= LONGEST_DELAY_S:
        return None
    return Refusal(RefusalCode.OUT_OF_RANGE, "a smallest delay of 0 s to 366 days", f"{delay_s:g} s")


def _first(refusals: Iterable[Refusal | None]) -> Refusal | None:
    return next((one for one in refusals if one is not None), None)
