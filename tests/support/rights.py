"""Rules and contracts of the owner as tests set them: through the door, as whoever may."""

from heg.data.interface import DataInterface
from heg.model.instance import Location
from heg.model.policy import CUSTOMER
from heg.model.refusals import Refusal
from heg.model.rights import Contract, ContractBook, PolicyBook, Rule


def allow(data: DataInterface, *rules: Rule, unit: str = "home", forced: bool = False) -> Refusal | None:
    """Add rules of the customer's; returns the first refusal."""
    door, here = data.admit(CUSTOMER, "owner"), Location(unit)
    for rule in rules:
        newest = door.latest("policy", here)
        book = newest.value if newest is not None and isinstance(newest.value, PolicyBook) else PolicyBook()
        receipt = door.write("policy", here, book.with_rule(rule, "anna", forced=forced))
        if receipt.refusal is not None:
            return receipt.refusal
    return None


def forbid(data: DataInterface, number: int, *, unit: str = "home", forced: bool = False) -> Refusal | None:
    """Remove a rule; returns the refusal."""
    door, here = data.admit(CUSTOMER, "owner"), Location(unit)
    newest = door.latest("policy", here)
    assert newest is not None
    assert isinstance(newest.value, PolicyBook)
    book = newest.value.without(number, "anna", forced=forced)
    assert book is not None
    return door.write("policy", here, book).refusal


def agree(data: DataInterface, contract: Contract, *, unit: str = "home", forced: bool = False) -> Refusal | None:
    """Add a contract; returns the refusal."""
    door, here = data.admit(CUSTOMER, "owner"), Location(unit)
    newest = door.latest("contract.rights", here)
    book = newest.value if newest is not None and isinstance(newest.value, ContractBook) else ContractBook()
    return door.write("contract.rights", here, book.with_contract(contract, "anna", forced=forced)).refusal
