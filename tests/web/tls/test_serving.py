"""The home network's page over real TLS: who is let in how far, and what is never answered."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import resource
import socket
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from heg.model.instance import Location
from heg.model.records import AlarmRecord
from heg.runtime.clock import Clock
from heg.web.guard import HEADERS
from heg.web.tls.door import REFUSED_HANDSHAKE, REFUSED_OFTEN, REFUSED_ROOM
from heg.web.tls.maker import join
from heg.web.tls.requests import Join
from heg.web.tls.room import EACH
from tests.support.stepped import stepped
from tests.web.tls.serving import STRANGERS, LanServed, serving_lan
from tests.web.tls.test_maker import NOW, Authority, key_pem

ORDER = {"X-Heg-Request": "1", "Content-Type": "application/json"}


@stepped(start_utc=NOW)
async def test_whoever_trusts_the_certificate_finds_the_page_there(clock: Clock, tmp_path: Path) -> None:
    async with serving_lan(clock, tmp_path) as served:
        status, text, response = await served.ask("GET", served.https + "/", ssl=served.trusting)
        assert status == 200
        assert "<title>" in text
        for name, value in HEADERS.items():
            assert response.headers[name] == value
        assert "Strict-Transport-Security" not in response.headers
        with pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED"):
            await served.ask("GET", served.https, ssl=ssl.create_default_context())


async def shake(served: LanServed, **wanted: ssl.TLSVersion) -> tuple[str | None, str, str]:
    """Version, cipher and fingerprint of one handshake."""
    connection, _, writer = await served.connect(**wanted)
    try:
        cipher, certificate = connection.cipher(), connection.getpeercert(binary_form=True)
        assert cipher is not None
        assert certificate is not None
        return connection.version(), cipher[0], hashlib.sha256(certificate).hexdigest()
    finally:
        writer.close()
        await writer.wait_closed()


@stepped(start_utc=NOW)
async def test_new_versions_are_spoken_and_old_ones_are_not(clock: Clock, tmp_path: Path) -> None:
    async with serving_lan(clock, tmp_path) as served:
        version, _, certificate = await shake(served)
        assert version == "TLSv1.3"
        version, cipher, _ = await shake(served, maximum_version=ssl.TLSVersion.TLSv1_2)
        assert version == "TLSv1.2"
        assert "GCM" in cipher or "CHACHA20" in cipher
        with pytest.warns(DeprecationWarning, match="deprecated"), pytest.raises((ssl.SSLError, ConnectionError)):
            await shake(served, minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)
        assert certificate == served.record.fingerprint


@stepped(start_utc=NOW)
async def test_without_a_login_nothing_of_the_house_is_told(clock: Clock, tmp_path: Path) -> None:
    async with serving_lan(clock, tmp_path) as served:
        for path in ("/api/v1/state", "/metrics", "/api/v1/history?variable=soc", "/api/v1/events"):
            status, _, _ = await served.ask("GET", served.https + path, ssl=served.trusting)
            assert status == 401, path


@stepped(start_utc=NOW)
async def test_names_and_origins_of_others_are_refused(clock: Clock, tmp_path: Path) -> None:
    async with serving_lan(clock, tmp_path, names=("energy.example.org",)) as served:
        options = {"ssl": served.trusting}
        for host in ("evil.example", "home.evil.example", "192.0.2.1", ""):
            status, text, _ = await served.ask("GET", served.https + "/", headers={"Host": host}, **options)
            assert status == 421, host
            assert "[web] names" in text
        status, _, _ = await served.ask("GET", served.https + "/", headers={"Host": "energy.example.org"}, **options)
        assert status == 200
        login = served.https + "/api/v1/session"
        own = f"{STRANGERS}:{served.lan.port}"
        for origin, expected in (
            (f"https://{own}", 401),
            (f"http://{own}", 403),
            (f"https://{STRANGERS}", 403),
            ("https://evil.example", 403),
            ("null", 403),
        ):
            body = b'{"name": "nobody", "password": "wrong"}'
            status, _, _ = await served.ask("POST", login, data=body, headers={**ORDER, "Origin": origin}, **options)
            assert status in ((401, 400, 429) if expected == 401 else (403,)), origin


@stepped(start_utc=NOW)
async def test_on_loopback_it_stays_plain_and_takes_no_name_of_the_network(clock: Clock, tmp_path: Path) -> None:
    async with serving_lan(clock, tmp_path) as served:
        page = f"http://127.0.0.1:{served.port}/"
        assert (await served.ask("GET", page))[0] == 200
        assert (await served.ask("GET", page, headers={"Host": STRANGERS.replace("127.0.0.2", "home")}))[0] == 421


@stepped(start_utc=NOW)
async def test_plain_http_is_sent_on_and_plain_http_to_tls_gets_nothing(clock: Clock, tmp_path: Path) -> None:
    async with serving_lan(clock, tmp_path) as served:
        plain = f"http://{STRANGERS}:{served.lan.redirect_port}/plan"
        status, text, response = await served.ask("GET", plain)
        assert (status, text, response.headers["Location"]) == (308, "", f"{served.https}/plan")
        assert "Set-Cookie" not in response.headers
        assert (await served.ask("POST", plain, data=b"{}"))[0] == 403
        reader, writer = await asyncio.open_connection(STRANGERS, served.lan.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: home\r\n\r\n")
        said = await reader.read()
        writer.close()
        await writer.wait_closed()
        assert b"HTTP" not in said
        assert len(said) < 16  # at most a TLS alert
        assert served.turned_away[REFUSED_HANDSHAKE] == 1


@stepped(start_utc=NOW)
async def test_who_never_speaks_is_let_go_and_shuts_nobody_out(clock: Clock, tmp_path: Path) -> None:
    async with serving_lan(clock, tmp_path, connections=8, connections_each=4) as served:
        silent = [await asyncio.open_connection(STRANGERS, served.lan.port) for _ in range(6)]
        await clock.sleep(0.1)
        assert served.turned_away[REFUSED_ROOM] == 2
        # Another machine still comes in: its address has room of its own.
        status, _, _ = await served.ask("GET", f"http://127.0.0.1:{served.port}/")
        assert status == 200
        await clock.sleep(11.0)
        assert served.turned_away[REFUSED_HANDSHAKE] == 4
        version, _, _ = await shake(served)
        assert version == "TLSv1.3"
        for _, writer in silent:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@stepped(start_utc=NOW)
async def test_an_installed_certificate_is_shown_to_whoever_comes_next(clock: Clock, tmp_path: Path) -> None:
    async with serving_lan(clock, tmp_path) as served:
        first = await shake(served)
        _, reader, writer = await served.connect()
        key = rsa.generate_private_key(65537, 2048)
        joined, record = join(Join(Authority().issue(key), key_pem(key), clock.utc()))
        served.vault.keep_owners(joined)
        await clock.sleep(6.0)
        assert (await shake(served))[2] == record.fingerprint != first[2]
        _, cipher, _ = await shake(served, maximum_version=ssl.TLSVersion.TLSv1_2)
        assert "-RSA-" in cipher
        assert served.record == record
        # Who was there before stays connected.
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: home\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 ")
        writer.close()
        await writer.wait_closed()


@stepped(start_utc=NOW)
async def test_with_a_damaged_key_only_the_network_has_no_page(clock: Clock, tmp_path: Path) -> None:
    async with serving_lan(clock, tmp_path):
        pass
    (tmp_path / "tls" / "device.pem").write_bytes(b"noise")
    async with serving_lan(clock, tmp_path, wait=False) as served:
        await clock.sleep(30.0)
        assert (await served.ask("GET", f"http://127.0.0.1:{served.port}/"))[0] == 200
        for port in (served.lan.port, served.lan.redirect_port):
            with pytest.raises((ConnectionError, TimeoutError)):
                await asyncio.open_connection(STRANGERS, port)
        alarm = served.reader.latest("alarm", Location("home", "", "certificate"))
        assert alarm is not None
        assert isinstance(alarm.value, AlarmRecord)
        assert alarm.value.active
        assert "heg certificate renew --new-key" in alarm.value.mend
        assert "In force: control and the page on this machine go on" in alarm.value.text


@stepped(start_utc=NOW)
async def test_a_slow_request_over_tls_is_let_go(clock: Clock, tmp_path: Path) -> None:
    async with serving_lan(clock, tmp_path) as served:
        _, reader, writer = await served.connect()
        began_s = clock.monotonic_s()
        writer.write(b"GET / HTTP/1.1\r\nHost: home\r\nX: ")
        ended = asyncio.ensure_future(reader.read())
        for _ in range(120):
            if ended.done():
                break
            writer.write(b"a")
            await clock.sleep(1.0)
        assert ended.done()
        assert clock.monotonic_s() - began_s < 60
        writer.close()


@stepped(start_utc=NOW)
async def test_whoever_comes_at_its_end_leaves_nothing_open(clock: Clock, tmp_path: Path) -> None:
    for turns in range(12):
        async with serving_lan(clock, tmp_path) as served:
            silent = socket.create_connection((served.lan.host, served.lan.port))
            coming = asyncio.ensure_future(served.connect())
            for _ in range(turns):
                await clock.sleep(0)
        silent.close()
        for one in await asyncio.gather(coming, return_exceptions=True):
            if not isinstance(one, BaseException):
                one[2].transport.abort()
        await clock.sleep(0)
    gc.collect()


def descriptors() -> int:
    """How many this process has open now."""
    return len(list(Path("/proc/self/fd").iterdir())) - 1


@stepped(start_utc=NOW)
async def test_without_descriptors_it_rests_and_goes_on(clock: Clock, tmp_path: Path, caplog) -> None:
    async with serving_lan(clock, tmp_path) as served:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with socket.create_connection((served.lan.host, served.lan.port)):
            soft = descriptors()
            before = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))
            try:
                await clock.sleep(0.1)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, before)
            assert caplog.text.count("no connection could be taken") == 1
        await clock.sleep(2.0)
        assert (await shake(served))[0] == "TLSv1.3"


@stepped(start_utc=NOW)
async def test_it_ends_at_once_though_somebody_does_not_say_goodbye(clock: Clock, tmp_path: Path) -> None:
    async with serving_lan(clock, tmp_path) as served:
        _, reader, writer = await served.connect()
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: home\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        # From now on it neither reads nor answers: as a phone that has left the house.
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        began_s = clock.monotonic_s()
    assert clock.monotonic_s() - began_s < 1.0
    writer.transport.abort()
    await clock.sleep(0)


@stepped(start_utc=NOW)
async def test_handshakes_without_end_are_refused_and_counted(clock: Clock, tmp_path: Path) -> None:
    async with serving_lan(clock, tmp_path) as served:
        for _ in range(int(EACH.burst) + 20):
            with contextlib.suppress(ConnectionError):
                _, writer = await asyncio.open_connection(served.lan.host, served.lan.port)
                writer.transport.abort()
            await clock.sleep(0)
        await clock.sleep(1.0)
        assert served.turned_away[REFUSED_OFTEN] >= 15
        assert (await served.ask("GET", f"http://127.0.0.1:{served.port}/"))[0] == 200
