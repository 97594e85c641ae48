"""Makes, reads and joins certificates: the only code here that loads `cryptography`, 10 MiB that the gateway is spared.

`python -m heg.web.tls.maker` answers one request on standard input with one line on standard output and ends; the
console's commands call the functions. A bundle is a private key and its certificates, leaf first, in one PEM text.
"""

import ipaddress
import itertools
import sys
from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from heg.model.records import CertificateRecord
from heg.web.tls.requests import LARGEST_BUNDLE_BYTES, Answer, Ask, BundleError, Describe, Join, Make, decode, encode

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_LONGEST_CHAIN = 8
_SMALLEST_RSA_BITS = 2048
_CURVES = ("secp256r1", "secp384r1", "secp521r1")


def make(ask: Make) -> bytes:
    """Return a bundle of a certificate that signs itself, with the key of the bundle it renews or a new one."""
    key = _key_in(ask.renews) if ask.renews else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ask.names[0][:64])])
    public = key.public_key()
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(ask.begin)
        .not_valid_after(ask.end)
        # No authority: a key that lies in a house must not be able to speak for other sites.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general(one) for one in ask.names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _bundle(key, [certificate])


def describe(bundle: bytes, *, own: bool) -> CertificateRecord:
    """Say what a bundle holds. Raises `BundleError` where key and certificate are not one another's."""
    key, chain = _key_in(bundle), _certificates_in(bundle)
    _demand_match(chain[0], key)
    return _record(chain[0], own=own)


def join(ask: Join) -> tuple[bytes, CertificateRecord]:
    """Make a bundle of what an owner brings. Raises `BundleError` that says what was expected of which file."""
    chain, key = _certificates_in(ask.certificates), _key_in(ask.key)
    _demand_match(chain[0], key)
    _demand_order(chain)
    leaf = chain[0]
    if leaf.not_valid_after_utc <= ask.now:
        raise BundleError(
            f"the certificate ended on {leaf.not_valid_after_utc:%Y-%m-%d}: expected one that is good now"
        )
    if leaf.not_valid_before_utc > ask.now:
        begin = leaf.not_valid_before_utc
        raise BundleError(f"the certificate is good from {begin:%Y-%m-%d %H:%M} UTC on: expected one that is good now")
    _demand_server(leaf)
    return _bundle(key, chain), _record(leaf, own=True)


def _bundle(key: PrivateKey, chain: Sequence[x509.Certificate]) -> bytes:
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    parts = [
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain),
        *(one.public_bytes(pem) for one in chain),
    ]
    return b"".join(parts)


def _key_in(pem: bytes) -> PrivateKey:
    _demand_size(pem)
    try:
        key = serialization.load_pem_private_key(pem, None)
    except TypeError as error:
        text = "the private key is encrypted: expected one without a passphrase (openssl pkey -in KEY -out PLAIN)"
        raise BundleError(text) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BundleError("expected a private key in PEM (-----BEGIN PRIVATE KEY-----)") from error
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return key
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _SMALLEST_RSA_BITS:
        return key
    raise BundleError("expected a key of ECDSA (P-256, P-384, P-521) or RSA with 2048 bits or more")


def _certificates_in(pem: bytes) -> list[x509.Certificate]:
    _demand_size(pem)
    try:
        chain = x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise BundleError("expected a certificate in PEM (-----BEGIN CERTIFICATE-----), the gateway's first") from error
    if len(chain) > _LONGEST_CHAIN:
        raise BundleError(f"expected at most {_LONGEST_CHAIN} certificates, came {len(chain)}")
    return chain


def _demand_size(pem: bytes) -> None:
    if len(pem) > LARGEST_BUNDLE_BYTES:
        raise BundleError(f"expected at most {LARGEST_BUNDLE_BYTES} bytes, came {len(pem)}")


def _demand_match(leaf: x509.Certificate, key: PrivateKey) -> None:
    if _public(leaf) != _public(key):
        raise BundleError(
            "the private key is not that of the first certificate: expected the pair, the gateway's first"
        )


def _demand_order(chain: Sequence[x509.Certificate]) -> None:
    for one, issuer in itertools.pairwise(chain):
        try:
            one.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature) as error:
            who = one.subject.rfc4514_string()
            text = f"the certificate behind {who!r} did not issue it: expected each one's issuer behind it"
            raise BundleError(text) from error


def _demand_server(leaf: x509.Certificate) -> None:
    try:
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    except ValueError as error:
        raise BundleError("the certificate has extensions that cannot be read: expected one for a server") from error
    if not {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(usage):
        raise BundleError("the certificate is not for servers: expected extended key usage serverAuth")


def _public(holder: x509.Certificate | PrivateKey) -> bytes:
    try:
        return holder.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BundleError("expected a certificate of ECDSA or RSA") from error


def _record(leaf: x509.Certificate, *, own: bool) -> CertificateRecord:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(_public(leaf))
    return CertificateRecord(
        fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
        key_fingerprint=digest.finalize().hex(),
        names=_names_on(leaf),
        issuer="itself" if leaf.issuer == leaf.subject else leaf.issuer.rfc4514_string()[:200],
        begin=leaf.not_valid_before_utc,
        end=leaf.not_valid_after_utc,
        own=own,
    )


def _names_on(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    dns = found.get_values_for_type(x509.DNSName)
    return tuple(one[:253] for one in (*dns, *map(str, found.get_values_for_type(x509.IPAddress))))


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def answer(ask: Ask) -> Answer:
    """Do what is asked; what cannot be done is said in the answer."""
    try:
        match ask:
            case Make():
                bundle = make(ask)
                return Answer(bundle=bundle, record=describe(bundle, own=False))
            case Describe():
                return Answer(record=describe(ask.bundle, own=ask.own))
            case Join():
                bundle, record = join(ask)
                return Answer(bundle=bundle, record=record)
    except BundleError as error:
        return Answer(fault=str(error))


def main() -> None:
    """Answer one request and end."""
    sys.stdout.buffer.write(encode(answer(decode(sys.stdin.buffer.read(4 * LARGEST_BUNDLE_BYTES), Ask))))


if __name__ == "__main__":
    main()
