"""The spans and bounds of accounts, sessions, tokens and the audit chain, in one place."""

from dataclasses import dataclass

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Rules:
    """Seconds and counts. Everything that an outsider can make grow has a bound here.

    `idle_s` and `absolute_s` end a session, `fresh_s` is how long a password just given opens what asks for it again.
    `used_every_s` is how often a session in use is marked in the file (flash wear); a crash makes it at most so much
    older. `key_s` is for how long of its use a session keeps its key, `key_grace_s` how long the old one goes on beside
    the new. `sessions`, `tokens`, `devices` are per account, the oldest session or device gives way. `audit_rows` is
    how long the chain may grow before its oldest `audit_batch` lines are let go.
    """

    code_s: float = 1_800.0
    invite_s: float = 3 * DAY_S
    idle_s: float = DAY_S / 2
    absolute_s: float = 30 * DAY_S
    fresh_s: float = 600.0
    used_every_s: float = 600.0
    key_s: float = 3_600.0
    key_grace_s: float = 60.0
    token_s: float = 90 * DAY_S
    longest_token_s: float = 366 * DAY_S
    device_s: float = 180 * DAY_S
    accounts: int = 32
    sessions: int = 16
    tokens: int = 32
    devices: int = 8
    logins_waiting: int = 4
    audit_rows: int = 100_000
    audit_batch: int = 1_000
    refusals_every_s: float = 60.0
    commands_every_s: float = 10.0
    clock_slack_ms: int = 300_000
