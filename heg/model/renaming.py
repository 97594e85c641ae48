"""A device gets another name: values that name devices say the new one. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from heg.model.books import OpenBooks
from heg.model.records import DeviceRecord
from heg.model.rights import ContractBook, PolicyBook, Scope


def renamed(value: object, devices: Mapping[str, str]) -> object:
    """Return a value in which devices have their new names; the same object where it names none of them.

    Rules and contracts go on saying what they said, of the same devices: nobody need insist on that.
    """
    match value:
        case DeviceRecord() if value.name in devices:
            return replace(value, name=devices[value.name])
        case OpenBooks():
            levels = tuple(replace(one, device=devices.get(one.device, one.device)) for one in value.levels)
            return value if levels == value.levels else replace(value, levels=levels)
        case PolicyBook():
            rules = tuple(replace(rule, scope=_scope(rule.scope, devices)) for rule in value.rules)
            return value if rules == value.rules else _next(replace(value, rules=rules), devices)
        case ContractBook():
            contracts = tuple(
                replace(
                    one, demands=tuple(replace(demand, scope=_scope(demand.scope, devices)) for demand in one.demands)
                )
                for one in value.contracts
            )
            return value if contracts == value.contracts else _next(replace(value, contracts=contracts), devices)
        case _:
            return value


def _scope(scope: Scope, devices: Mapping[str, str]) -> Scope:
    return replace(scope, device=devices.get(scope.device, scope.device))


def _next(book: PolicyBook | ContractBook, devices: Mapping[str, str]) -> PolicyBook | ContractBook:
    change = "; ".join(f"{old} is called {new}" for old, new in devices.items())[:200]
    return replace(book, version=book.version + 1, by="", address="", change=change, forced=True)
