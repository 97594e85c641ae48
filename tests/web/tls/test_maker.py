"""Certificates as they are made and taken; judged by `ssl`, by the openssl program, and by ourselves."""

from __future__ import annotations

import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from heg.web.tls.fingerprints import pinned, shown
from heg.web.tls.lifetime import span
from heg.web.tls.maker import answer, describe, join, make
from heg.web.tls.requests import Answer, BundleError, Describe, Join, Make, decode, encode
from tests.support.peers import demand

NOW = datetime(2027, 5, 1, tzinfo=UTC)
NAMES = ("gateway.local", "home", "192.168.1.5", "fd00::5")
PEM = serialization.Encoding.PEM


def bundle(renews: bytes = b"", now: datetime = NOW) -> bytes:
    return make(Make(NAMES, *span(now), renews))


def key_pem(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey, word: bytes = b""
) -> bytes:
    lock = serialization.BestAvailableEncryption(word) if word else serialization.NoEncryption()
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, lock)


class Authority:
    """Somebody who issues certificates, as an owner's own authority would."""

    def __init__(self, name: str = "authority") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.pem = self._signed(self.key, self.name, x509.BasicConstraints(ca=True, path_length=None), NOW, 3650)

    def issue(self, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, *more: object, begin: datetime = NOW) -> bytes:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")])
        names = x509.SubjectAlternativeName([x509.DNSName("energy.example.org")])
        return self._signed(key, name, names, begin, 90, *more)

    def _signed(self, key, name, extension, begin: datetime, days: int, *more: object) -> bytes:
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin - timedelta(days=1))
            .not_valid_after(begin + timedelta(days=days))
        )
        for one in (extension, *more):
            builder = builder.add_extension(one, critical=False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(PEM)


def test_it_says_what_it_is() -> None:
    record = describe(bundle(), own=False)
    assert record.names == NAMES
    assert record.issuer == "itself"
    assert (record.begin, record.end) == span(NOW)
    assert not record.own


def test_the_fingerprints_are_those_that_openssl_and_browsers_show(tmp_path: Path) -> None:
    demand("openssl")
    made = bundle()
    (tmp_path / "one.pem").write_bytes(made)
    said = subprocess.run(
        ["openssl", "x509", "-in", tmp_path / "one.pem", "-noout", "-fingerprint", "-sha256"],
        capture_output=True,
        text=True,
        check=True,
    )
    record = describe(made, own=False)
    assert said.stdout.partition("=")[2].strip() == shown(record.fingerprint)
    key = "openssl x509 -in one.pem -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary"
    spki = subprocess.run(f"{key} | base64", shell=True, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert pinned(record.key_fingerprint) == f"sha256//{spki.stdout.strip()}"


@pytest.mark.parametrize("name", ["-verify_hostname gateway.local", "-verify_ip 192.168.1.5", "-verify_ip fd00::5"])
def test_openssl_finds_it_good_for_each_of_its_names(tmp_path: Path, name: str) -> None:
    demand("openssl")
    (tmp_path / "one.pem").write_bytes(bundle())
    at = round(NOW.timestamp())
    options = ["-CAfile", str(tmp_path / "one.pem"), "-purpose", "sslserver", "-x509_strict", "-partial_chain"]
    said = subprocess.run(
        ["openssl", "verify", "-attime", str(at), *options, *name.split(), tmp_path / "one.pem"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr


def test_renewed_it_keeps_its_key_and_no_other() -> None:
    first = bundle()
    second = bundle(renews=first, now=NOW + timedelta(days=700))
    before, after = describe(first, own=False), describe(second, own=False)
    assert after.key_fingerprint == before.key_fingerprint
    assert after.fingerprint != before.fingerprint
    assert after.end > before.end
    assert describe(bundle(), own=False).key_fingerprint != before.key_fingerprint


def test_it_is_no_authority() -> None:
    leaf = x509.load_pem_x509_certificates(bundle())[0]
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not leaf.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_an_owners_own_is_taken_with_its_chain(tmp_path: Path, kind: str) -> None:
    authority = Authority()
    key = ec.generate_private_key(ec.SECP384R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)
    joined, record = join(Join(authority.issue(key) + authority.pem, key_pem(key), NOW))
    assert record.own
    assert record.names == ("energy.example.org",)
    assert record.issuer == "CN=authority"
    assert len(x509.load_pem_x509_certificates(joined)) == 2
    assert describe(joined, own=True) == record
    (tmp_path / "owner.pem").write_bytes(joined)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tmp_path / "owner.pem")


def refusal(certificates: bytes, key: bytes) -> str:
    with pytest.raises(BundleError) as raised:
        join(Join(certificates, key, NOW))
    return str(raised.value)


def test_what_does_not_fit_is_refused_with_what_was_expected() -> None:
    authority, other = Authority(), Authority("other")
    key, another = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    good = authority.issue(key)
    assert "not that of the first certificate" in refusal(good, key_pem(another))
    assert "did not issue it" in refusal(good + other.pem, key_pem(key))
    assert "not that of the first certificate" in refusal(authority.pem + good, key_pem(key))
    assert "ended on" in refusal(authority.issue(key, begin=NOW - timedelta(days=200)), key_pem(key))
    assert "good from" in refusal(authority.issue(key, begin=NOW + timedelta(days=20)), key_pem(key))
    client = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    assert "not for servers" in refusal(authority.issue(key, client), key_pem(key))
    assert "encrypted" in refusal(good, key_pem(key, b"word"))
    assert "private key in PEM" in refusal(good, good)
    assert "certificate in PEM" in refusal(key_pem(key), key_pem(key))
    small = rsa.generate_private_key(65537, 1024)
    assert "2048 bits" in refusal(authority.issue(small), key_pem(small))
    assert "at most 8 certificates" in refusal(good + authority.pem * 8, key_pem(key))
    assert "at most 65536 bytes" in refusal(good + b"#" * 65_536, key_pem(key))
    assert "ECDSA" in refusal(good, key_pem(ed25519.Ed25519PrivateKey.generate()))


@pytest.mark.parametrize("text", [b"", b"\x00\xff", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_noise_is_a_named_fault(text: bytes) -> None:
    assert "expected" in answer(Describe(text)).fault
    assert "expected" in answer(Join(text, text, NOW)).fault
    assert "expected" in answer(Make(NAMES, *span(NOW), text or b"x")).fault


def test_no_fault_tells_the_key() -> None:
    made = bundle()
    spoilt = made.replace(b"CERTIFICATE", b"CERTIFICATF")
    fault = answer(Describe(spoilt)).fault
    assert fault
    assert made.split(b"\n")[1].decode() not in fault


def test_the_process_answers_one_request() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "heg.web.tls.maker"],
        input=encode(Make(NAMES, *span(NOW))),
        capture_output=True,
        check=True,
    )
    found: Answer = decode(said.stdout, Answer)
    assert found.record == describe(found.bundle, own=False)
