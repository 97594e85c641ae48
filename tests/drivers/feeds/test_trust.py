"""Whom the client trusts: only a certificate that the machine trusts."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from drivers.feeds.market.client import FetchError, fetch
from heg.runtime.clock import Clock
from tests.support.stepped import stepped


def own_certificate(folder: Path) -> Path:
    """A certificate that nobody but its server believes, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "market")])
    start = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "market.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


@stepped
async def test_a_certificate_that_nobody_signed_is_refused(clock: Clock, tmp_path: Path) -> None:
    del clock
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response({})

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own_certificate(tmp_path))
    app = web.Application()
    app.router.add_get("/price", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    port = runner.addresses[0][1]
    try:
        said = ""
        try:
            await fetch(f"https://127.0.0.1:{port}", "/price", {"token": "secret"}, content="json", timeout_s=10)
        except FetchError as error:
            said = str(error)
    finally:
        await runner.cleanup()
    assert "its certificate is not trusted" in said
    assert "secret" not in said
    assert asked == [], "nothing was asked of a stranger"
