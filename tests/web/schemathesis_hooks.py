"""What schemathesis holds our answers to besides what it knows itself. Runs in its environment, not in ours.

`HEG_ASKER`: who asks, as JSON (tests/web/exposed.py). Whoever may not must not succeed, and only a house on paper, in
which nobody answers a command, excuses a server's error.
"""

import json
import os
from typing import Any

import schemathesis

ASKER = json.loads(os.environ["HEG_ASKER"])
PERMISSIONS = frozenset(ASKER["permissions"])
OWN_ACCOUNT = 1
OPEN = {
    "anybody": True,
    "any_key": bool(PERMISSIONS),
    "any_login": bool(PERMISSIONS) and ASKER["header"] == "Cookie",
}
ABSENT = "no_one_answers"


@schemathesis.check
def no_forbidden_success(_context: Any, response: Any, case: Any) -> None:
    """What an operation needs stands in the document; whoever lacks it gets no answer but a refusal."""
    raw = case.operation.definition.raw
    needs = raw["x-heg-needs"]
    lets_in = OPEN.get(needs, needs in PERMISSIONS)
    if raw["x-heg-household"] and not ASKER["household"]:
        lets_in = False
    if response.status_code < 400 and not lets_in:
        raise AssertionError(f"{needs} is needed, {sorted(PERMISSIONS)} was there, and {response.status_code} came")


@schemathesis.check
def no_server_error(_context: Any, response: Any, _case: Any) -> None:
    """An error of the server is a fault of ours, but for a command that nobody is there to answer."""
    if response.status_code >= 500 and not (response.status_code == 503 and ABSENT in response.text):
        raise AssertionError(f"{response.status_code} came: {response.text[:500]}")


@schemathesis.hook
def map_path_parameters(_context: Any, parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """The account that asks is left out: it would end itself, and nothing behind it would be tried."""
    if parameters and str(parameters.get("id")) == str(OWN_ACCOUNT):
        return {**parameters, "id": 999_999}
    return parameters
