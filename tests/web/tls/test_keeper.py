"""The certificate is made once, renewed with its key, exchanged with its file, and never replaced by itself."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from heg.model.records import CertificateRecord
from heg.runtime.clock import Clock
from heg.web.tls.certificates import Certificates
from heg.web.tls.keeper import CertificateKeeper, Trouble
from heg.web.tls.maker import answer, join
from heg.web.tls.names import own_names
from heg.web.tls.requests import Answer, Ask, Join, Make
from heg.web.tls.vault import Vault
from heg.web.tls.workshop import WorkshopError, ask
from tests.support.stepped import stepped
from tests.web.tls.test_maker import Authority, key_pem

TODAY = datetime(2027, 5, 1, tzinfo=UTC)


class Kept:
    """A keeper over a folder, what it told, and what it asked of the maker, which answers without a process here."""

    def __init__(self, clock: Clock, folder: Path) -> None:
        self.vault = Vault(folder)
        self.asked: list[Ask] = []
        self.shown: list[CertificateRecord] = []
        self.troubles: list[Trouble | None] = []
        self.fault: Exception | None = None
        names = own_names("gateway", "home", [], [])
        self.certificates = Certificates(self.vault, lambda: names, self.answer)
        self.keeper = CertificateKeeper(
            clock, self.certificates, on_change=self.shown.append, on_trouble=self.troubles.append
        )

    async def answer(self, request: Ask) -> Answer:
        self.asked.append(request)
        if self.fault is not None:
            raise self.fault
        return answer(request)

    async def look(self) -> CertificateRecord | None:
        await self.keeper.look()
        return self.keeper.record

    @property
    def made(self) -> int:
        return sum(isinstance(one, Make) for one in self.asked)


@stepped(start_utc=TODAY)
async def test_it_is_made_on_first_start_and_kept_for_its_user_alone(clock: Clock, tmp_path: Path) -> None:
    kept = Kept(clock, tmp_path)
    record = await kept.look()
    assert record is not None
    assert record.names[:2] == ("gateway.local", "gateway")
    assert kept.vault.device.stat().st_mode & 0o777 == 0o600
    assert kept.vault.folder.stat().st_mode & 0o777 == 0o700
    assert kept.vault.marker.read_text() == record.key_fingerprint + "\n"
    assert kept.troubles == [None]
    again = Kept(clock, tmp_path)
    assert await again.look() == record
    assert again.made == 0


@stepped(start_utc=TODAY)
async def test_nothing_is_asked_while_nothing_changes(clock: Clock, tmp_path: Path) -> None:
    kept = Kept(clock, tmp_path)
    await kept.look()
    asked = len(kept.asked)
    for _ in range(50):
        await clock.sleep(3600)
        await kept.look()
    assert len(kept.asked) == asked
    assert len(kept.shown) == 1


@stepped(start_utc=TODAY)
async def test_it_is_renewed_with_the_same_key(clock: Clock, tmp_path: Path) -> None:
    kept = Kept(clock, tmp_path)
    first = await kept.look()
    assert first is not None
    clock.jump_utc(timedelta(days=770).total_seconds())
    second = await kept.look()
    assert second is not None
    assert second.key_fingerprint == first.key_fingerprint
    assert second.fingerprint != first.fingerprint
    assert second.end > clock.utc() + timedelta(days=700)
    assert (kept.made, kept.shown) == (2, [first, second])


@stepped(start_utc=datetime(1970, 1, 2, tzinfo=UTC))
async def test_a_clock_of_1970_makes_one_that_is_good_today_and_is_not_made_anew(clock: Clock, tmp_path: Path) -> None:
    kept = Kept(clock, tmp_path)
    record = await kept.look()
    assert record is not None
    assert record.begin < TODAY < record.end
    clock.jump_utc((TODAY - clock.utc()).total_seconds())
    assert await kept.look() == record
    clock.jump_utc((datetime(1971, 1, 1, tzinfo=UTC) - clock.utc()).total_seconds())
    await clock.sleep(5 * 86_400)
    assert await kept.look() == record


@stepped(start_utc=datetime(2099, 1, 1, tzinfo=UTC))
async def test_one_made_by_a_clock_ahead_is_made_anew_when_the_clock_is_right_for_a_day(
    clock: Clock, tmp_path: Path
) -> None:
    kept = Kept(clock, tmp_path)
    ahead = await kept.look()
    clock.jump_utc((TODAY - clock.utc()).total_seconds())
    assert await kept.look() == ahead
    await clock.sleep(86_401)
    record = await kept.look()
    assert record is not None
    assert record.begin < TODAY < record.end


@pytest.mark.parametrize("name", ["device.pem", "device.key.sha256"])
def test_a_damaged_file_shows_nothing_and_makes_nothing(name: str, tmp_path: Path) -> None:
    @stepped(start_utc=TODAY)
    async def spoil(clock: Clock) -> None:
        await Kept(clock, tmp_path).look()
        (tmp_path / "tls" / name).write_bytes(b"\x00noise")
        after = Kept(clock, tmp_path)
        assert await after.look() is None
        assert after.made == 0
        [trouble] = after.troubles
        assert trouble is not None
        assert "expected" in trouble.text
        assert "renew --new-key" in trouble.mend
        assert not trouble.shows

    spoil()


@stepped(start_utc=TODAY)
async def test_a_lost_key_is_no_reason_for_a_new_identity(clock: Clock, tmp_path: Path) -> None:
    first = Kept(clock, tmp_path)
    record = await first.look()
    whole = first.vault.device.read_bytes()
    first.vault.device.unlink()
    kept = Kept(clock, tmp_path)
    assert await kept.look() is None
    await clock.sleep(86_400)
    assert await kept.look() is None
    assert kept.made == 0
    assert kept.troubles[-1] is not None
    assert "is missing" in kept.troubles[-1].text
    kept.vault.device.write_bytes(whole)
    assert await kept.look() == record
    assert kept.troubles[-1] is None


@stepped(start_utc=TODAY)
async def test_another_units_key_is_not_taken_for_ours(clock: Clock, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        await Kept(clock, tmp_path / name).look()
    (tmp_path / "one/tls/device.pem").write_bytes((tmp_path / "two/tls/device.pem").read_bytes())
    kept = Kept(clock, tmp_path / "one")
    assert await kept.look() is None
    assert kept.troubles[-1] is not None
    assert "which this unit made" in kept.troubles[-1].text


@stepped(start_utc=TODAY)
async def test_what_is_damaged_while_it_runs_stays_shown_with_an_alarm(clock: Clock, tmp_path: Path) -> None:
    kept = Kept(clock, tmp_path)
    record = await kept.look()
    kept.vault.device.write_bytes(b"noise")
    assert await kept.look() == record
    assert kept.troubles[-1] is not None
    assert kept.troubles[-1].shows


@stepped(start_utc=TODAY)
async def test_an_owners_goes_first_and_back_again(clock: Clock, tmp_path: Path) -> None:
    kept = Kept(clock, tmp_path)
    device = await kept.look()
    key = rsa.generate_private_key(65537, 2048)
    joined, record = join(Join(Authority().issue(key), key_pem(key), TODAY))
    kept.vault.keep_owners(joined)
    assert kept.vault.owner.stat().st_mode & 0o777 == 0o600
    assert await kept.look() == record
    assert kept.troubles == [None]
    clock.jump_utc(timedelta(days=80).total_seconds())
    await kept.look()
    assert kept.troubles[-1] is not None
    assert "ends on 2027-07-30" in kept.troubles[-1].text
    clock.jump_utc(timedelta(days=80).total_seconds())
    assert await kept.look() == record
    assert kept.troubles[-1] is not None
    assert "ended on" in kept.troubles[-1].text
    kept.vault.drop_owners()
    assert await kept.look() == device
    assert kept.troubles[-1] is None


@stepped(start_utc=TODAY)
async def test_an_owners_that_is_damaged_is_not_replaced_by_the_units_own(clock: Clock, tmp_path: Path) -> None:
    await Kept(clock, tmp_path).look()
    kept = Kept(clock, tmp_path)
    kept.vault.keep_owners(b"noise")
    assert await kept.look() is None
    assert kept.troubles[-1] is not None
    assert "heg certificate remove" in kept.troubles[-1].mend


@stepped(start_utc=TODAY)
async def test_what_fails_for_a_passing_reason_is_tried_again(clock: Clock, tmp_path: Path) -> None:
    kept = Kept(clock, tmp_path)
    kept.fault = WorkshopError("no room")
    assert await kept.look() is None
    assert kept.troubles[-1] is not None
    assert not kept.vault.device.exists()
    kept.fault = None
    assert await kept.look() is None  # not at once: each try is a process
    real = clock.real_s
    kept.keeper._clock = Later(clock, lambda: real() + 61)  # type: ignore[assignment]
    assert await kept.look() is not None
    assert kept.troubles[-1] is None


class Later:
    """A clock whose real seconds have gone on."""

    def __init__(self, clock: Clock, real_s) -> None:
        self.utc, self.monotonic_s, self.real_s = clock.utc, clock.monotonic_s, real_s


@stepped(start_utc=TODAY)
async def test_a_key_that_others_could_read_is_closed(clock: Clock, tmp_path: Path, caplog) -> None:
    await Kept(clock, tmp_path).look()
    device = Vault(tmp_path).device
    device.chmod(0o644)
    assert await Kept(clock, tmp_path).look() is not None
    assert device.stat().st_mode & 0o777 == 0o600
    assert "could be read by others" in caplog.text


@stepped(start_utc=TODAY)
async def test_a_command_at_the_console_is_waited_for(clock: Clock, tmp_path: Path) -> None:
    kept = Kept(clock, tmp_path)
    with kept.vault.alone():
        assert await kept.look() is None
    assert kept.made == 0
    assert kept.troubles[-1] is not None


@stepped(start_utc=TODAY)
async def test_the_maker_in_its_process_does_the_same_and_a_hung_one_is_ended(clock: Clock, tmp_path: Path) -> None:
    kept = Kept(clock, tmp_path)
    kept.certificates._ask = ask
    assert await kept.look() is not None
    with pytest.raises(WorkshopError, match="no answer came"):
        await ask(Make(("gateway",), TODAY, TODAY), ("true",))
    with pytest.raises(WorkshopError, match="No such file"):
        await ask(Make(("gateway",), TODAY, TODAY), (os.fspath(tmp_path / "none"),))
