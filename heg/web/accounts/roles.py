"""The roles and what each may do, as data; docs/users/roles.md is printed from it."""

from collections.abc import Iterable, Mapping
from enum import StrEnum


class Role(StrEnum):
    """What a person is to this gateway."""

    OWNER = "owner"
    INSTALLER = "installer"
    USER = "user"
    VIEWER = "viewer"


class Permission(StrEnum):
    """What a request needs; a token's scopes are some of these."""

    READ = "read"
    COMMAND = "command"
    COMMISSION = "commission"
    CONFIGURE = "configure"
    POLICIES = "policies"
    AUDIT = "audit"
    PERSONAL_DATA = "personal_data"
    TOKENS = "tokens"
    ACCOUNTS = "accounts"


MEANINGS: Mapping[Permission, str] = {
    Permission.READ: "see values, history, plan, reasons, savings, devices, health, metrics",
    Permission.COMMAND: "everyday commands: by hand, appliances, hands off, the car, a cycle, plan again",
    Permission.COMMISSION: "devices: scan, add, rename, test, remove; the step test",
    Permission.CONFIGURE: "read, change and roll back the configuration",
    Permission.POLICIES: "say which others may see or write what, and how often",
    Permission.AUDIT: "read, export and verify the audit log",
    Permission.PERSONAL_DATA: "export and erase the house's data",
    Permission.TOKENS: "make and revoke tokens of one's own",
    Permission.ACCOUNTS: "invite people, change their role, end their sessions and tokens",
}

ROLES: Mapping[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.INSTALLER: frozenset({Permission.READ, Permission.COMMAND, Permission.COMMISSION, Permission.CONFIGURE}),
    Role.USER: frozenset({Permission.READ, Permission.COMMAND, Permission.TOKENS}),
    Role.VIEWER: frozenset({Permission.READ}),
}

SCOPES = frozenset(Permission) - {Permission.TOKENS, Permission.ACCOUNTS}
"""What a token can hold: a token makes no tokens and no accounts, so that a stolen one cannot outlive its end."""

STRANGER_SCOPES = frozenset({Permission.READ, Permission.COMMAND})
"""What a token for another stakeholder can hold; which variables, and how often, the owner's policies say."""

FRESH = frozenset({Permission.POLICIES, Permission.PERSONAL_DATA, Permission.TOKENS, Permission.ACCOUNTS})
"""What a session may do only shortly after its password was given: a phone left on the table gives nothing away."""


def table() -> Iterable[str]:
    """Yield the lines of the documented table."""
    yield f"| permission | what it allows | {' | '.join(Role)} | in a token | asks for the password again |"
    yield f"| --- | --- |{' --- |' * (len(Role) + 2)}"
    for permission, meaning in MEANINGS.items():
        cells = [permission in ROLES[role] for role in Role]
        marks = ["yes" if cell else "-" for cell in (*cells, permission in SCOPES, permission in FRESH)]
        yield f"| `{permission}` | {meaning} | {' | '.join(marks)} |"
