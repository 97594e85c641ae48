"""A stranger's program at the gateway's door, with Python's library alone: claims it, logs in, makes a token, uses it.

`visitor.py ADDRESS PASSWORD [CODE] [--sha256 FINGERPRINT]` tells by JSON what was answered, step by step; with
`--token KEY --read PATH` what is there. Over TLS it trusts the certificate that has this fingerprint, as a person does
who compares it with the console's.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import ssl
import sys
from urllib.parse import urlsplit

NAME = "anna"


class Visitor:
    """One who keeps cookies, as a browser does."""

    def __init__(self, address: str, sha256: str) -> None:
        self._at = urlsplit(address)
        self._trust = self._trusted(sha256) if self._at.scheme == "https" else None
        self._cookies: dict[str, str] = {}

    def ask(self, method: str, path: str, body: object = None, token: str | None = None) -> tuple[int, object]:
        """One request and its answer: the status, and what JSON said."""
        headers = {"X-Heg-Request": "1", "Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        elif self._cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        connection = self._connection()
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            for cookie in answer.headers.get_all("Set-Cookie", []):
                name, _, value = cookie.partition(";")[0].partition("=")
                self._cookies[name] = value
            text = answer.read()
            is_json = "json" in answer.headers.get("Content-Type", "")
            return answer.status, json.loads(text) if is_json and text else None
        finally:
            connection.close()

    def forget(self) -> None:
        """Go on as somebody who was never here."""
        self._cookies.clear()

    def _trusted(self, sha256: str) -> ssl.SSLContext:
        shown = ssl.get_server_certificate((self._at.hostname or "", self._at.port or 443), timeout=20)
        found = hashlib.sha256(ssl.PEM_cert_to_DER_cert(shown)).hexdigest()
        if found != sha256.replace(":", "").lower():
            raise SystemExit(f"another certificate: {found}")
        return ssl.create_default_context(cadata=shown)

    def _connection(self) -> http.client.HTTPConnection:
        host = self._at.hostname or ""
        if self._trust is None:
            return http.client.HTTPConnection(host, self._at.port, timeout=20)
        return http.client.HTTPSConnection(host, self._at.port, timeout=20, context=self._trust)


def claimed(visitor: Visitor, code: str, password: str) -> dict[str, object]:
    """What is answered before, while and after the gateway gets its owner."""
    told: dict[str, object] = {"page": visitor.ask("GET", "/")[0], "unclaimed": visitor.ask("GET", "/api/v1/state")[0]}
    claim = {"code": code, "name": NAME, "password": password}
    told["wrong code"] = visitor.ask("POST", "/api/v1/claim", claim | {"code": "AAAA-AAAA-AAAA"})[0]
    told["claim"] = visitor.ask("POST", "/api/v1/claim", claim)[0]
    visitor.forget()
    told["claimed twice"] = visitor.ask("POST", "/api/v1/claim", claim | {"name": "eve"})[0]
    return told


def used(visitor: Visitor, password: str) -> dict[str, object]:
    """What is answered to an owner who logs in and makes a token, and to whoever has the token."""
    login = {"name": NAME, "password": password}
    told: dict[str, object] = {"wrong password": visitor.ask("POST", "/api/v1/session", login | {"password": "no"})[0]}
    told["login"], session = visitor.ask("POST", "/api/v1/session", login)
    told["role"] = session["role"] if isinstance(session, dict) else session
    wish = {"label": "script", "scopes": ["read"]}
    told["token"], issued = visitor.ask("POST", "/api/v1/tokens", wish)
    assert isinstance(issued, dict), issued
    visitor.forget()
    key = issued["key"]
    told["read by token"] = visitor.ask("GET", "/api/v1/state", token=key)[0]
    told["command by token"] = visitor.ask("POST", "/api/v1/commands/hands-off", {"on": True}, token=key)[0]
    told["read by nobody"] = visitor.ask("GET", "/api/v1/state")[0]
    told["key"] = key
    return told


def main() -> int:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("password")
    parser.add_argument("code", nargs="?")
    parser.add_argument("--sha256", default="")
    parser.add_argument("--token")
    parser.add_argument("--read", default="/api/v1/session", metavar="PATH")
    options = parser.parse_args()
    visitor = Visitor(options.address, options.sha256)
    if options.token is not None:
        json.dump(visitor.ask("GET", options.read, token=options.token), sys.stdout)
        return 0
    told = {} if options.code is None else claimed(visitor, options.code, options.password)
    json.dump(told | used(visitor, options.password), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
