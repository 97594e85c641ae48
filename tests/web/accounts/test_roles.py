"""The table of roles, and the page that is printed from it."""

from pathlib import Path

import pytest

from heg.web.accounts.roles import FRESH, MEANINGS, ROLES, SCOPES, STRANGER_SCOPES, Permission, Role, table

PAGE = Path(__file__).parents[3] / "docs" / "users" / "accounts.md"


def test_every_permission_has_a_meaning_and_somebody_who_has_it() -> None:
    assert set(MEANINGS) == set(Permission)
    assert set().union(*ROLES.values()) == set(Permission)
    assert set(ROLES) == set(Role)


def test_nobody_may_what_the_owner_may_not() -> None:
    assert all(permissions <= ROLES[Role.OWNER] for permissions in ROLES.values())
    assert ROLES[Role.VIEWER] <= ROLES[Role.USER]
    assert STRANGER_SCOPES <= SCOPES


@pytest.mark.parametrize("role", [Role.INSTALLER, Role.USER, Role.VIEWER])
def test_only_the_owner_says_who_else_may(role: Role) -> None:
    assert not ROLES[role] & {Permission.ACCOUNTS, Permission.POLICIES, Permission.PERSONAL_DATA, Permission.AUDIT}


def test_what_makes_more_rights_asks_for_the_password_again() -> None:
    assert {Permission.ACCOUNTS, Permission.TOKENS, Permission.POLICIES} <= FRESH


def test_the_page_holds_the_table() -> None:
    printed = "\n".join(table())
    reprint = "python -c 'from heg.web.accounts.roles import table; print(*table(), sep=chr(10))'"
    assert printed in PAGE.read_text(), f"print it anew into {PAGE.name}: {reprint}"
