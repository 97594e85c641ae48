"""Login from the command line: what is kept, what it opens, how it ends; people and tokens."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.served import PASSWORD, Owner, Person, claimed_gateway, gateway_with_login


@pytest.fixture
def claimed(person: Person, tmp_path: Path) -> Iterator[Owner]:
    with claimed_gateway(person, tmp_path) as owner:
        yield owner


def test_before_the_claim_it_says_how_to_claim(person: Person, tmp_path: Path) -> None:
    with gateway_with_login(tmp_path) as (served, _):
        before = person.heg("--host", f"127.0.0.1:{served.port}", "status")
    assert (before.code, "heg claim-code" in before.err) == (77, True)


def test_a_login_is_kept_opens_and_is_revoked(claimed: Owner) -> None:
    without = claimed("status")
    assert (without.code, "heg login" in without.err, without.out) == (77, True, "")
    assert claimed.by_password("login").code == 0
    assert stat.S_IMODE(claimed.kept.stat().st_mode) == 0o600
    assert PASSWORD not in claimed.kept.read_text()
    assert claimed("status").code in (0, 1)
    assert claimed("audit", "verify").out.startswith("good: ")
    token = claimed.kept.read_text().partition('token = "')[2].partition('"')[0]
    assert token.startswith("heg_t_")
    assert claimed("logout").code == 0
    assert "heg_t_" not in claimed.kept.read_text() if claimed.kept.exists() else True
    claimed.person.has(HEG_TOKEN=token)
    revoked = claimed("status")
    assert (revoked.code, "ended, revoked" in revoked.err, token in revoked.err) == (77, True, False)


def test_a_wrong_password_keeps_nothing_and_too_many_wait(claimed: Owner) -> None:
    wrong = [claimed("login", "--name", "anna", "--password-stdin", typed="wrong words here") for _ in range(7)]
    assert wrong[0].code == 77
    assert (wrong[-1].code, "again in" in wrong[-1].err) == (75, True), wrong[-1].err
    assert not claimed.kept.exists()
    assert "wrong words here" not in "".join(one.err + one.out for one in wrong)


def test_a_name_is_never_guessed_and_a_password_never_an_option(claimed: Owner) -> None:
    said = claimed("login", "--password-stdin")
    assert (said.code, "--name" in said.err) == (2, True)
    said = claimed("login", "--name", "anna")
    assert (said.code, "--password-stdin" in said.err) == (2, True)
    assert claimed("login", "--password", PASSWORD).code == 2


def test_who_may_make_no_token_stays_logged_in_by_the_session(claimed: Owner) -> None:
    invited = claimed.by_password("users", "invite", "vera", "viewer", "--json")
    code = json.loads(invited.out)["code"]
    typed = f"{code}\n{PASSWORD}\n"
    assert claimed("claim", "--name", "", "--code-stdin", "--password-stdin", typed=typed).code == 0
    assert claimed("login", "--name", "vera", "--password-stdin").code == 0
    assert "session = " in claimed.kept.read_text()
    assert "vera, viewer" in claimed("whoami").out
    refused = claimed("hands-off", "on")
    assert (refused.code, "somebody who may command" in refused.err) == (77, True)
    assert claimed("logout").code == 0
    assert claimed("status").code == 77


def test_people_are_invited_changed_and_removed(claimed: Owner) -> None:
    assert "good once, for bert" in claimed.by_password("users", "invite", "bert", "user", "--days", "7").out
    assert (
        "bert: viewer, let in: no"
        in claimed.by_password("users", "change", "bert", "--role", "viewer", "--disable").out
    )
    listed = claimed.by_password("users", "list")
    assert "bert" in listed.out
    assert "good once, for bert" in claimed.by_password("users", "reset", "bert").out
    assert "bert" not in claimed.by_password("users", "remove", "bert").out
    gone = claimed.by_password("users", "remove", "bert")
    assert (gone.code, "expected one of anna" in gone.err) == (1, True)
    [anna] = json.loads(claimed.by_password("users", "list", "--json").out)["accounts"]
    assert anna["sessions"] == 1, "each command ended its own session"


def test_tokens_are_made_listed_and_revoked(claimed: Owner) -> None:
    made = json.loads(claimed.by_password("tokens", "create", "dashboard", "--scope", "read", "--json").out)
    claimed.person.has(HEG_TOKEN=made["key"])
    assert claimed("health").code in (0, 1)
    assert claimed("scan").code == 77
    listed = claimed.by_password("tokens", "list")
    assert "dashboard" in listed.out
    assert made["key"] not in listed.out
    assert claimed.by_password("tokens", "revoke", made["token"]["id"]).code == 0
    assert claimed("health").code == 77
    assert claimed.by_password("tokens", "create", "x", "--scope", "everything").code == 2


def test_a_password_is_changed(claimed: Owner) -> None:
    another = "another long passphrase"
    changed = claimed("password", "--name", "anna", "--password-stdin", typed=f"{PASSWORD}\n{another}\n")
    assert changed.code == 0, changed.err
    assert claimed("login", "--name", "anna", "--password-stdin", typed=another).code == 0


def test_the_audit_log_is_listed_and_exported_from_elsewhere(claimed: Owner, tmp_path: Path) -> None:
    claimed.by_password("login")
    assert "login" in claimed("audit", "list").out
    export = tmp_path / "log.jsonl"
    export.write_text(claimed("audit", "export").out)
    assert claimed.person.heg("audit", "verify", "--file", export).out.startswith("good: ")


@pytest.mark.parametrize("token", ["two words", "with\nline", "umläut"])
def test_a_token_that_is_none_is_not_sent_and_not_repeated(claimed: Owner, token: str) -> None:
    claimed.person.has(HEG_TOKEN=token)
    said = claimed("status")
    assert said.code == 2
    assert "HEG_TOKEN: expected" in said.err
    assert token not in said.err
