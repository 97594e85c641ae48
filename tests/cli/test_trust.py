"""Which gateway is asked over TLS: recognised by its key before anything is sent, refused when it is another."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.cli.served import PASSWORD, Person, gateway_at_home
from tests.web.accounts.gateway import console
from tests.web.tls.serving import STRANGERS, LanServed


@pytest.fixture
def at_home(tmp_path: Path) -> Iterator[LanServed]:
    with gateway_at_home(tmp_path) as served:
        yield served


def shown(served: LanServed) -> str:
    return "SHA256:" + served.record.fingerprint.upper()


def kept(person: Person) -> Path:
    return person.folder / "heg" / "hosts.toml"


def test_whom_nobody_vouches_for_is_asked_nothing_until_a_person_agrees(person: Person, at_home: LanServed) -> None:
    stranger = person.heg("--host", at_home.https, "status")
    assert stranger.code == 76
    pairs = at_home.record.fingerprint.upper()
    assert ":".join(pairs[at : at + 2] for at in range(0, 64, 2)) in stranger.err
    assert not kept(person).exists()
    agreed = person.heg("--host", at_home.https, "status", "--fingerprint", shown(at_home))
    assert (agreed.code, "heg claim-code" in agreed.err) == (77, True), agreed.err
    assert stat.S_IMODE(kept(person).stat().st_mode) == 0o600
    assert person.heg("--host", at_home.https, "status").code == 77, "it is recognised from now on"


def test_a_new_key_that_was_ordered_from_here_is_recognised(person: Person, at_home: LanServed, tmp_path: Path) -> None:
    code = console(tmp_path, at_home.clock).reveal()
    there = ("--host", at_home.https)
    claim = ("claim", "--name", "anna", "--code-stdin", "--password-stdin", "--fingerprint", shown(at_home))
    assert person.heg(*there, *claim, typed=f"{code}\n{PASSWORD}\n").code == 0
    assert person.heg(*there, "login", "--name", "anna", "--password-stdin", typed=PASSWORD).code == 0
    told = person.heg(*there, "certificate", "show")
    assert shown(at_home).removeprefix("SHA256:") in told.out.replace(":", "")
    before = kept(person).read_text()
    by_password = ("--name", "anna", "--password-stdin")
    renewed = person.heg(*there, "certificate", "renew", "--new-key", *by_password, typed=PASSWORD)
    assert renewed.code == 0, renewed.err
    assert kept(person).read_text() != before
    assert person.heg(*there, "certificate", "show").code == 0
    refused = person.heg(*there, "certificate", "remove", *by_password, typed=PASSWORD)
    assert (refused.code, "an installed certificate" in refused.err) == (1, True)


def test_a_wrong_fingerprint_is_refused_and_not_kept(person: Person, at_home: LanServed) -> None:
    wrong = person.heg("--host", at_home.https, "status", "--fingerprint", "SHA256:" + "AB" * 32)
    assert (wrong.code, "IS NOT THE GATEWAY" in wrong.err) == (76, True)
    assert not kept(person).exists()
    bad = person.heg("--host", at_home.https, "status", "--fingerprint", "SHA256:AB")
    assert (bad.code, "32 pairs" in bad.err) == (2, True)


def test_a_renewed_certificate_of_the_same_key_is_recognised(person: Person, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    with Impostor(tmp_path, key) as first:
        person.heg("--host", first.address, "status", "--fingerprint", first.pin)
    with Impostor(tmp_path, key, port=first.port) as renewed:
        assert renewed.pin != first.pin
        assert "IS NOT THE GATEWAY" not in person.heg("--host", renewed.address, "status").err
        assert renewed.heard


def test_another_key_is_refused_with_words_and_hears_nothing(person: Person, tmp_path: Path) -> None:
    person.has(HEG_TOKEN="heg_t_secret")
    with Impostor(tmp_path, ec.generate_private_key(ec.SECP256R1())) as first:
        person.heg("--host", first.address, "status", "--fingerprint", first.pin)
        assert b"heg_t_secret" in first.heard
    with Impostor(tmp_path, ec.generate_private_key(ec.SECP256R1()), port=first.port) as impostor:
        said = person.heg("--host", impostor.address, "status")
        assert (said.code, "IS NOT THE GATEWAY" in said.err) == (76, True)
        assert impostor.heard == b""
        mended = person.heg("--host", impostor.address, "status", "--fingerprint", impostor.pin)
        assert "IS NOT THE GATEWAY" not in mended.err
        assert b"heg_t_secret" in impostor.heard


def test_a_stranger_hears_nothing(person: Person, tmp_path: Path) -> None:
    person.has(HEG_TOKEN="heg_t_secret")
    with Impostor(tmp_path, ec.generate_private_key(ec.SECP256R1())) as stranger:
        assert person.heg("--host", stranger.address, "status").code == 76
        typed = "the password\n"
        assert (
            person.heg("--host", stranger.address, "login", "--name", "a", "--password-stdin", typed=typed).code == 76
        )
        assert stranger.heard == b""


@pytest.mark.parametrize(("name", "trusted"), [("127.0.0.1", True), ("127.0.0.9", False)])
def test_whom_an_authority_vouches_for_under_this_name_is_asked(
    person: Person, tmp_path: Path, name: str, trusted: bool
) -> None:
    with Impostor(tmp_path, ec.generate_private_key(ec.SECP256R1()), name=name) as known:
        person.has(SSL_CERT_FILE=str(known.certificate))
        person.heg("--host", known.address, "status")
        assert bool(known.heard) is trusted
        assert not kept(person).exists()


def test_who_speaks_no_tls_is_no_gateway(person: Person) -> None:
    with socket.create_server((STRANGERS, 0)) as listener:
        talker = threading.Thread(target=_says_hello, args=(listener,))
        talker.start()
        said = person.heg("--host", f"https://{STRANGERS}:{listener.getsockname()[1]}", "status")
        talker.join(10)
    assert (said.code, "8463" in said.err) == (76, True)


def test_another_machine_is_never_asked_unencrypted(person: Person) -> None:
    said = person.heg("--host", "http://192.168.1.20", "status")
    assert (said.code, "https://" in said.err) == (2, True)


def test_others_can_read_no_file_of_keys(person: Person) -> None:
    kept(person).parent.mkdir(parents=True)
    kept(person).write_text('["http://127.0.0.1:1"]\ntoken = "heg_t_secret"\n')
    kept(person).chmod(0o644)
    said = person.heg("--host", "127.0.0.1:1", "status")
    assert (said.code, "chmod 600" in said.err, "heg_t_secret" in said.err) == (1, True, False)
    kept(person).chmod(0o600)
    kept(person).write_text('["http://127.0.0.1:1"]\ntokn = "heg_t_secret"\n')
    said = person.heg("--host", "127.0.0.1:1", "status")
    assert (said.code, "heg_t_secret" in said.err) == (1, False)


def _says_hello(listener: socket.socket) -> None:
    connected, _ = listener.accept()
    with connected:
        connected.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
        connected.recv(1024)


class Impostor:
    """Speaks TLS with a certificate of its own making, answers 401, and keeps what it was told."""

    def __init__(
        self, folder: Path, key: ec.EllipticCurvePrivateKey, *, port: int = 0, name: str = "127.0.0.1"
    ) -> None:
        certificate = _certificate(key, name)
        path, self.certificate = folder / "impostor.pem", folder / "certificate.pem"
        self.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(path)
        self._listener = socket.create_server(("127.0.0.1", port))
        self._thread = threading.Thread(target=self._serve)
        self.port = self._listener.getsockname()[1]
        self.address = f"https://127.0.0.1:{self.port}"
        self.pin = "SHA256:" + certificate.fingerprint(hashes.SHA256()).hex()
        self.heard = b""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_why: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connected, _ = self._listener.accept()
            except OSError:
                return
            with connected:
                connected.settimeout(5)
                self._talk(connected)

    def _talk(self, connected: socket.socket) -> None:
        try:
            with self._context.wrap_socket(connected, server_side=True) as secret:
                self.heard += secret.recv(65_536)
                secret.sendall(b"HTTP/1.1 401 No\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n")
        except OSError:
            return


def _certificate(key: ec.EllipticCurvePrivateKey, name: str) -> x509.Certificate:
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gateway")])
    now = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=36_500))
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(name))])
    return builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
