"""Login from the command line: what is kept, what it opens, how it ends; people and tokens."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.served import PASSWORD, Ended, Person, gateway_with_login


@dataclass
class Claimed:
    """A gateway with its owner anna, and a machine in front of it."""

    person: Person
    port: int

    def heg(self, *arguments: object, typed: str = PASSWORD) -> Ended:
        return self.person.heg("--host", f"127.0.0.1:{self.port}", *arguments, typed=typed)

    def as_anna(self, *arguments: object) -> Ended:
        return self.heg(*arguments, "--name", "anna", "--password-stdin")

    @property
    def kept(self) -> Path:
        return self.person.folder / "heg" / "hosts.toml"


@pytest.fixture
def claimed(person: Person, tmp_path: Path) -> Iterator[Claimed]:
    with gateway_with_login(tmp_path) as (served, code):
        gateway = Claimed(person, served.port)
        before = gateway.heg("status")
        assert (before.code, "heg claim-code" in before.err) == (77, True)
        said = gateway.heg("claim", "--name", "anna", "--code-stdin", "--password-stdin", typed=f"{code}\n{PASSWORD}\n")
        assert (said.code, said.err) == (0, ""), said.err
        assert "anna is owner now" in said.out
        yield gateway


def test_a_login_is_kept_opens_and_is_revoked(claimed: Claimed) -> None:
    without = claimed.heg("status")
    assert (without.code, "heg login" in without.err, without.out) == (77, True, "")
    assert claimed.as_anna("login").code == 0
    assert stat.S_IMODE(claimed.kept.stat().st_mode) == 0o600
    assert PASSWORD not in claimed.kept.read_text()
    assert claimed.heg("status").code in (0, 1)
    assert claimed.heg("audit", "verify").out.startswith("good: ")
    token = claimed.kept.read_text().partition('token = "')[2].partition('"')[0]
    assert token.startswith("heg_t_")
    assert claimed.heg("logout").code == 0
    assert "heg_t_" not in claimed.kept.read_text() if claimed.kept.exists() else True
    claimed.person.has(HEG_TOKEN=token)
    revoked = claimed.heg("status")
    assert (revoked.code, "ended, revoked" in revoked.err, token in revoked.err) == (77, True, False)


def test_a_wrong_password_keeps_nothing_and_too_many_wait(claimed: Claimed) -> None:
    wrong = [claimed.heg("login", "--name", "anna", "--password-stdin", typed="wrong words here") for _ in range(7)]
    assert wrong[0].code == 77
    assert (wrong[-1].code, "again in" in wrong[-1].err) == (75, True), wrong[-1].err
    assert not claimed.kept.exists()
    assert "wrong words here" not in "".join(one.err + one.out for one in wrong)


def test_a_name_is_never_guessed_and_a_password_never_an_option(claimed: Claimed) -> None:
    said = claimed.heg("login", "--password-stdin")
    assert (said.code, "--name" in said.err) == (2, True)
    said = claimed.heg("login", "--name", "anna")
    assert (said.code, "--password-stdin" in said.err) == (2, True)
    assert claimed.heg("login", "--password", PASSWORD).code == 2


def test_who_may_make_no_token_stays_logged_in_by_the_session(claimed: Claimed) -> None:
    invited = claimed.as_anna("users", "invite", "vera", "viewer", "--json")
    code = json.loads(invited.out)["code"]
    typed = f"{code}\n{PASSWORD}\n"
    assert claimed.heg("claim", "--name", "", "--code-stdin", "--password-stdin", typed=typed).code == 0
    assert claimed.heg("login", "--name", "vera", "--password-stdin").code == 0
    assert "session = " in claimed.kept.read_text()
    assert "vera, viewer" in claimed.heg("whoami").out
    refused = claimed.heg("hands-off", "on")
    assert (refused.code, "somebody who may command" in refused.err) == (77, True)
    assert claimed.heg("logout").code == 0
    assert claimed.heg("status").code == 77


def test_people_are_invited_changed_and_removed(claimed: Claimed) -> None:
    assert "good once, for bert" in claimed.as_anna("users", "invite", "bert", "user", "--days", "7").out
    assert "bert: viewer, let in: no" in claimed.as_anna("users", "change", "bert", "--role", "viewer", "--disable").out
    listed = claimed.as_anna("users", "list")
    assert "bert" in listed.out
    assert "good once, for bert" in claimed.as_anna("users", "reset", "bert").out
    assert "bert" not in claimed.as_anna("users", "remove", "bert").out
    gone = claimed.as_anna("users", "remove", "bert")
    assert (gone.code, "expected one of anna" in gone.err) == (1, True)
    assert "1" in claimed.as_anna("users", "list").out.splitlines()[1], "each command ended its own session"


def test_tokens_are_made_listed_and_revoked(claimed: Claimed) -> None:
    made = json.loads(claimed.as_anna("tokens", "create", "dashboard", "--scope", "read", "--json").out)
    claimed.person.has(HEG_TOKEN=made["key"])
    assert claimed.heg("health").code in (0, 1)
    assert claimed.heg("scan").code == 77
    listed = claimed.as_anna("tokens", "list")
    assert "dashboard" in listed.out
    assert made["key"] not in listed.out
    assert claimed.as_anna("tokens", "revoke", made["token"]["id"]).code == 0
    assert claimed.heg("health").code == 77
    assert claimed.as_anna("tokens", "create", "x", "--scope", "everything").code == 2


def test_a_password_is_changed(claimed: Claimed) -> None:
    another = "another long passphrase"
    changed = claimed.heg("password", "--name", "anna", "--password-stdin", typed=f"{PASSWORD}\n{another}\n")
    assert changed.code == 0, changed.err
    assert claimed.heg("login", "--name", "anna", "--password-stdin", typed=another).code == 0


def test_the_audit_log_is_listed_and_exported_from_elsewhere(claimed: Claimed, tmp_path: Path) -> None:
    claimed.as_anna("login")
    assert "login" in claimed.heg("audit", "list").out
    export = tmp_path / "log.jsonl"
    export.write_text(claimed.heg("audit", "export").out)
    assert claimed.person.heg("audit", "verify", "--file", export).out.startswith("good: ")


@pytest.mark.parametrize("token", ["two words", "with\nline", "umläut"])
def test_a_token_that_is_none_is_not_sent_and_not_repeated(claimed: Claimed, token: str) -> None:
    claimed.person.has(HEG_TOKEN=token)
    said = claimed.heg("status")
    assert said.code == 2
    assert "HEG_TOKEN: expected" in said.err
    assert token not in said.err
