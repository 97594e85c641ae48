"""Addresses, fingerprints, events and the file of keys: what is read is held by properties."""

from __future__ import annotations

import base64
import hashlib
import socket
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from heg.runtime.blocking import Deadline
from heg.runtime.secrets import Secret
from heg.web.client.address import Address, AddressError, parse_address
from heg.web.client.events import LARGEST_EVENT_BYTES, EventReader
from heg.web.client.hosts import Hosts, HostsError, Known
from heg.web.client.line import _Incoming
from heg.web.client.trust import Fingerprints, fingerprints_of, parse_pin

HERE = Address("192.168.1.20", 8463, tls=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("192.168.1.20", "https://192.168.1.20:8463"),
        ("gateway.local:443", "https://gateway.local:443"),
        ("https://gateway.local/", "https://gateway.local:8463"),
        ("fd00::20", "https://[fd00::20]:8463"),
        ("[fd00::20]:9000", "https://[fd00::20]:9000"),
        ("fe80::1%eth0", "https://[fe80::1]:8463"),
        ("localhost", "http://127.0.0.1:8462"),
        ("127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("[::1]:9000", "http://[::1]:9000"),
        ("https://localhost:8463", "https://localhost:8463"),
    ],
)
def test_addresses_are_read_as_people_write_them(text: str, said: str) -> None:
    assert str(parse_address(text)) == said


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", "http://192.168.1.20", "ftp://a", "a:0", "a:99999", "a b", "a/b", "a?b", "-a", "[::1", "a\nb"),
        *("anna:secret@gateway", "https://anna:secret@gateway.local", "x" * 300),
    ],
)
def test_what_is_no_address_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(AddressError) as refused:
        parse_address(text)
    assert "secret" not in str(refused.value)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        found = parse_address(text)
    except AddressError:
        return
    assert parse_address(str(found)).port == found.port


def test_fingerprints_are_those_that_others_compute() -> None:
    certificate = _made()
    found = fingerprints_of(certificate.public_bytes(Encoding.DER))
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert found == Fingerprints(
        hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest(), hashlib.sha256(key).hexdigest()
    )
    assert parse_pin(found.shown).fits(found)
    assert parse_pin(found.pinned).fits(found)
    assert parse_pin(found.certificate).fits(found)
    other = Fingerprints("0" * 64, "1" * 64)
    assert not parse_pin(found.shown).fits(other)
    assert not parse_pin(found.pinned).fits(other)


@given(st.binary(max_size=200) | st.integers(0, 180).map(lambda at: _made_der()[:at]))
def test_what_is_no_certificate_is_refused(der: bytes) -> None:
    with pytest.raises(ValueError, match="expected a certificate"):
        fingerprints_of(der)


@pytest.mark.parametrize(
    "text", ["", "SHA256:", "SHA256:" + "AB" * 31, "sha256//" + "A" * 10, "sha256//!!", "MD5:" + "AB" * 16]
)
def test_what_is_no_fingerprint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="32 pairs"):
        parse_pin(text)


@given(st.lists(st.tuples(st.sampled_from(["state", "instance"]), st.binary(max_size=20)), max_size=5), st.data())
def test_events_come_whole_however_they_are_cut(events: list[tuple[str, bytes]], data: st.DataObject) -> None:
    sent = [(name, body.replace(b"\n", b"").replace(b"\r", b"")) for name, body in events]
    stream = b"".join(b"event: " + name.encode() + b"\ndata: " + body + b"\n\n" for name, body in sent)
    reader, found = EventReader(), []
    while stream:
        at = data.draw(st.integers(1, len(stream)))
        found += [(event.name, event.data) for event in reader.take(stream[:at])]
        stream = stream[at:]
    assert found == sent


def test_an_event_has_an_end() -> None:
    reader = EventReader()
    line = b"data: " + b"x" * 1000 + b"\n"
    with pytest.raises(ValueError, match="at most"):
        list(map(reader.take, [line] * (LARGEST_EVENT_BYTES // 1000)))


def test_what_is_known_is_kept_for_its_user_alone(tmp_path: Path) -> None:
    hosts = Hosts(tmp_path / "heg" / "hosts.toml")
    key = "sha256//" + base64.b64encode(bytes(32)).decode()
    known = Known(key=key, name='an"na\\', token=Secret("heg_t_a"))
    hosts.keep(HERE, known)
    hosts.keep(Address("127.0.0.1", 8462, tls=False), Known(session=Secret("heg_s_b")))
    assert stat.S_IMODE(hosts.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(hosts.path.parent.stat().st_mode) == 0o700
    back = hosts.known(HERE)
    assert (back.key, back.name, back.token and back.token.reveal()) == (key, 'an"na\\', "heg_t_a")
    assert "heg_t_a" not in repr(back)
    hosts.keep(HERE, back.without_login())
    assert hosts.known(HERE).token is None
    assert hosts.known(HERE).key == key
    hosts.keep(HERE, Known())
    assert str(HERE) not in hosts.path.read_text()
    assert [path.name for path in hosts.path.parent.iterdir()] == ["hosts.toml"]


@given(st.text(max_size=30))
def test_any_name_comes_back(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    hosts = Hosts(tmp_path_factory.mktemp("config") / "hosts.toml")
    try:
        hosts.keep(HERE, Known(name=name, token=Secret("t")))
    except UnicodeEncodeError:
        return
    assert hosts.known(HERE).name == name


@pytest.mark.parametrize("text", ["[", "a = 1", '["https://a:1"]\nkey = "nonsense"', '["x"]\ntoken = 7', "\xff"])
def test_a_damaged_file_is_said_and_not_shown(tmp_path: Path, text: str) -> None:
    path = tmp_path / "hosts.toml"
    path.write_text(text, encoding="latin-1")
    path.chmod(0o600)
    with pytest.raises(HostsError, match="log in anew"):
        Hosts(path).known(HERE)


def _made() -> x509.Certificate:
    return x509.load_der_x509_certificate(_made_der())


def _made_der() -> bytes:
    return base64.b64decode(_CERTIFICATE)


_CERTIFICATE = (
    "MIIBBzCBraADAgECAgEFMAoGCCqGSM49BAMCMAwxCjAIBgNVBAMMAWcwIBcNMjAwMTAxMDAwMDAwWhgPMjExOTEyMDgwMDAwMDBa"
    "MAwxCjAIBgNVBAMMAWcwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAT7PkufAW1ug+80TktltmCsc2aVLHBNUgMiZF+cXQVz+DsL"
    "FgsS7jbq5wV+sd3xnyU61y1rhZHEvXptSIb3qRi4MAoGCCqGSM49BAMCA0kAMEYCIQCxDztRvEEl0JLIpcxosLl+v4//bFRWZRWp"
    "3Dt7ugnbLwIhAKmv2J4wDQ3TnthYtRIGr31fEzcy/jrNFy0hKmS2dNkp"
)


def test_no_wait_for_an_answer_is_long() -> None:
    """What interrupts just before a wait is seen after it."""
    asked: list[float] = []

    class Asked(Deadline):
        def left_s(self) -> float:
            asked.append(super().left_s())
            return asked[-1]

    here, there = socket.socketpair()
    with here, there:
        incoming = _Incoming(here, Asked(1.2))
        with pytest.raises(TimeoutError):
            incoming.readinto(bytearray(8))
        there.sendall(b"x")
        assert _Incoming(here, Deadline(5.0)).readinto(bytearray(8)) == 1
    assert len(asked) >= 2
