"""Which permission each route needs, as data. What has no row here is answered to nobody who must log in."""

from collections.abc import Mapping

from heg.web.accounts.roles import Permission

OPEN: frozenset[tuple[str, str]] = frozenset(
    {
        ("GET", "/healthz"),
        ("GET", "/api/v1/session"),
        ("POST", "/api/v1/session"),
        ("POST", "/api/v1/claim"),
    }
)
"""Answered to anybody, beside the page's own files, which tell nothing of the house."""

WITH_ANY: frozenset[tuple[str, str]] = frozenset({("POST", "/api/v1/session/end"), ("POST", "/api/v1/password")})
"""Answered to everybody who is logged in: they concern nobody else."""

NEEDS: Mapping[tuple[str, str], Permission] = {
    ("GET", "/metrics"): Permission.READ,
    ("GET", "/api/v1/events"): Permission.READ,
    ("GET", "/api/v1/health"): Permission.READ,
    ("GET", "/api/v1/state"): Permission.READ,
    ("GET", "/api/v1/devices"): Permission.READ,
    ("GET", "/api/v1/leases"): Permission.READ,
    ("GET", "/api/v1/alarms"): Permission.READ,
    ("GET", "/api/v1/plan"): Permission.READ,
    ("GET", "/api/v1/plan/past"): Permission.READ,
    ("GET", "/api/v1/week"): Permission.READ,
    ("GET", "/api/v1/energy"): Permission.READ,
    ("GET", "/api/v1/history"): Permission.READ,
    ("GET", "/api/v1/savings"): Permission.READ,
    ("POST", "/api/v1/commands/{name}"): Permission.COMMAND,
    ("GET", "/api/v1/accounts"): Permission.ACCOUNTS,
    ("POST", "/api/v1/accounts"): Permission.ACCOUNTS,
    ("POST", "/api/v1/accounts/{id}"): Permission.ACCOUNTS,
    ("POST", "/api/v1/accounts/{id}/reset"): Permission.ACCOUNTS,
    ("POST", "/api/v1/accounts/{id}/remove"): Permission.ACCOUNTS,
    ("GET", "/api/v1/tokens"): Permission.TOKENS,
    ("POST", "/api/v1/tokens"): Permission.TOKENS,
    ("POST", "/api/v1/tokens/{id}/revoke"): Permission.TOKENS,
    ("GET", "/api/v1/audit"): Permission.AUDIT,
    ("GET", "/api/v1/audit/verdict"): Permission.AUDIT,
}

COMMANDS: Mapping[str, Permission] = {"try": Permission.COMMISSION, "scan": Permission.COMMISSION}
"""Commands that need another permission than the everyday ones."""


def needed(method: str, route: str, name: str = "") -> Permission | None:
    """Return what a request needs by the route it fits and the command it names; None where nobody may."""
    found = NEEDS.get(("GET" if method == "HEAD" else method, route))
    return COMMANDS.get(name, found) if found is Permission.COMMAND else found
