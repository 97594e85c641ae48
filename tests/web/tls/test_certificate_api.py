"""The certificate over HTTP: everybody may see it, who may configure exchanges it, and no key is ever told."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from heg.runtime.clock import Clock
from heg.web.accounts.roles import SCOPES, Role
from heg.web.accounts.rules import Rules
from heg.web.tls.fingerprints import shown
from tests.support.stepped import stepped
from tests.web.accounts.gateway import console, desk_in
from tests.web.serving import serving
from tests.web.test_login import PASSWORD, Browser, person
from tests.web.tls.serving import LanServed, serving_lan
from tests.web.tls.test_maker import NOW, Authority, key_pem

PATH = "/api/v1/certificate"


@contextlib.asynccontextmanager
async def owned(clock: Clock, folder: Path) -> AsyncIterator[tuple[LanServed, Browser]]:
    async with desk_in(folder, clock) as desk, serving_lan(clock, folder, desk=desk) as served:
        owner = Browser(served, desk)  # type: ignore[arg-type]
        claim = {"code": console(folder, clock).reveal(), "name": "anna", "password": PASSWORD}
        assert (await owner.post("/api/v1/claim", claim)).status == 200
        yield served, owner


def pair(begin=NOW) -> dict[str, str]:
    authority, key = Authority(), ec.generate_private_key(ec.SECP256R1())
    issued = authority.issue(key, begin=begin)
    return {"certificates": (issued + authority.pem).decode(), "key": key_pem(key).decode()}


@stepped(start_utc=NOW)
async def test_a_stranger_sees_what_the_handshake_shows_anyway(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as (served, owner):
        said = await owner.another().get(PATH)
        assert said.status == 200
        assert said.json["certificate"]["sha256"] == shown(served.record.fingerprint)
        assert said.json["certificate"]["own"] is False
        assert (
            said.json["addresses"][0]
            == f"https://{socket.gethostname().partition('.')[0].lower()}.local:{served.lan.port}"
        )
        for none in ("localhost", "127.0.0.1", "//home:", "["):
            assert not any(none in one for one in said.json["addresses"])
        assert "PRIVATE" not in said.text


@stepped(start_utc=NOW)
async def test_an_owners_own_is_installed_shown_and_taken_away_again(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as (served, owner):
        device = served.record
        wanted = pair()
        said = await owner.post(PATH, wanted)
        assert said.status == 200, said.text
        assert said.json["certificate"]["own"] is True
        assert said.json["notes"] == ["none of this machine's own names is on it: ask for energy.example.org"]
        assert said.json["addresses"][0] == f"https://energy.example.org:{served.lan.port}"
        assert said.json["certificate"]["sha256"] == shown(served.record.fingerprint) != shown(device.fingerprint)
        # By the name that the owner had certified it may be asked from now on.
        host = {"Host": "energy.example.org"}
        assert (await served.ask("GET", served.https, headers=host, ssl=served.trusting))[0] == 200
        assert (await owner.post(f"{PATH}/remove")).json["certificate"]["sha256"] == shown(device.fingerprint)
        assert (await served.ask("GET", served.https, headers=host, ssl=served.trusting))[0] == 421
        assert (await owner.post(f"{PATH}/remove")).status == 409
        log = [(line["kind"], line["outcome"]) for line in (await owner.get("/api/v1/audit")).json["lines"]]
        assert ("key", "installed") in log
        assert ("key", "removed") in log
        assert wanted["key"].splitlines()[1] not in (await owner.get("/api/v1/audit")).text
        assert b"PRIVATE" not in (tmp_path / "accounts.sqlite").read_bytes()


@stepped(start_utc=NOW)
async def test_the_units_own_is_renewed_with_its_key_or_begins_anew(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as (served, owner):
        pin = (await owner.get(PATH)).json["certificate"]["pin"]
        before = served.record.fingerprint
        assert (await owner.post(f"{PATH}/renew")).json["certificate"]["pin"] == pin
        assert served.record.fingerprint != before
        assert (await owner.post(f"{PATH}/renew", {"new_key": True})).json["certificate"]["pin"] != pin


@stepped(start_utc=NOW)
async def test_what_does_not_fit_is_said_and_leaves_what_is_shown(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as (served, owner):
        before, good, other = served.record, pair(), pair()
        said = await owner.post(PATH, {**good, "key": other["key"]})
        assert (said.status, said.json["reason"]) == (400, "wrong_type")
        assert "not that of the first certificate" in said.json["came"]
        assert (await owner.post(PATH, {**good, "key": "x" * 70_000})).status == 400
        assert (await owner.post(PATH, {**good, "key": "x" * 300_000})).status == 413
        assert served.record == before
        assert not served.vault.owner.exists()


@stepped(start_utc=NOW)
async def test_only_the_owner_who_gave_the_password_just_now(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as (served, owner):
        before = served.record
        others = [await person(owner, f"{role.value}-person", role) for role in Role if role is not Role.OWNER]
        program = owner.another()
        wish = {"label": "program", "scopes": sorted(SCOPES)}
        program.bearer = (await owner.post("/api/v1/tokens", wish)).json["key"]
        for path in (PATH, f"{PATH}/renew", f"{PATH}/remove"):
            for other in (*others, program):
                assert (await other.post(path, pair() if path == PATH else None)).status == 403
        await clock.sleep(Rules().fresh_s + 1)
        said = await owner.post(f"{PATH}/renew")
        assert (said.status, said.json["reason"]) == (403, "password_needed")
        assert served.record == before


@stepped(start_utc=NOW)
async def test_what_is_wrong_is_told_to_those_who_are_logged_in(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as (served, owner):
        served.vault.device.write_bytes(b"noise")
        await clock.sleep(6.0)
        assert "device.pem" in (await owner.get(PATH)).json["trouble"]
        assert "renew --new-key" in (await owner.get(PATH)).json["mend"]
        assert (await owner.another().get(PATH)).json["trouble"] == ""
        assert (await owner.post(f"{PATH}/renew")).status == 409
        mended = await owner.post(f"{PATH}/renew", {"new_key": True})
        assert (mended.status, mended.json["trouble"]) == (200, "")


@stepped
async def test_where_the_network_is_not_let_in_there_is_none(clock: Clock) -> None:
    async with serving(clock) as served:
        said = await served.get(PATH)
        assert said.json == {"certificate": None, "addresses": [], "trouble": "", "mend": "", "notes": []}
        headers = {"X-Heg-Request": "1", "Content-Type": "application/json"}
        refused = await served.ask("POST", f"{PATH}/renew", data=b"{}", headers=headers)
        assert refused.status == 409
        assert "[web] host" in refused.json["mend"]
