"""The local API from the asker's side, for the command line. Nothing of the server is loaded with it."""

import http.client
import json
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from heg.runtime.secrets import Secret
from heg.web.guard import REQUEST_HEADER
from heg.web.messages import Answer, Problem, State

_T = TypeVar("_T")
_TOKEN_MEND = "make one (POST /api/v1/tokens) and set it as HEG_TOKEN"  # noqa: S105 - words
_LARGEST_ANSWER_BYTES = 16_000_000


class GatewayError(RuntimeError):
    """No gateway answers, or what answers is none; the text says how to mend it."""


class GatewayClient:
    """Asks a running gateway on this machine. Every call blocks, at most `timeout_s` real seconds."""

    def __init__(self, host: str, port: int, *, timeout_s: float = 10.0, token: Secret | None = None) -> None:
        self._token = token
        self._host = host
        self._port = port
        self._timeout_s = timeout_s

    def state(self) -> tuple[State, bytes]:
        """What the page shows of now, and the JSON it came in."""
        body = self.read("/api/v1/state")
        return self._decoded(body, State), body

    def read(self, path: str) -> bytes:
        """The JSON of a resource. Raises `GatewayError` when it is refused."""
        status, body = self._ask("GET", path, b"", self._timeout_s)
        if status != http.HTTPStatus.OK:
            problem = self._decoded(body, Problem)
            if status == http.HTTPStatus.UNAUTHORIZED:
                raise GatewayError(f"the gateway at {self._address} lets nobody in without a token: {_TOKEN_MEND}")
            raise GatewayError(f"{path}: expected {problem.expected}; came {problem.came or problem.reason}")
        return body

    def order(self, name: str, arguments: Mapping[str, object], *, timeout_s: float) -> tuple[Answer, bytes]:
        """Send an order and wait for its one answer; a request refused before it became an order reads the same."""
        _, body = self._ask("POST", f"/api/v1/commands/{name}", json.dumps(arguments).encode(), timeout_s)
        try:
            return msgspec.json.decode(body, type=Answer), body
        except msgspec.DecodeError:
            problem = self._decoded(body, Problem)
            text = f"expected {problem.expected}" + (f", came {problem.came}" if problem.came else "")
            return Answer(outcome="refused", text=text, refusal=problem.reason), body

    def _ask(self, method: str, path: str, body: bytes, timeout_s: float) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=timeout_s)
        headers = {REQUEST_HEADER: "1", "Content-Type": "application/json"} if method == "POST" else {}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.reveal()}"
        try:
            connection.request(method, path, body=body or None, headers=headers)
            response = connection.getresponse()
            return response.status, response.read(_LARGEST_ANSWER_BYTES)
        except ConnectionRefusedError as error:
            raise GatewayError(
                f"no gateway answers at {self._address}: start it with heg run, or name its file with --config FILE"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            why = str(error) or type(error).__name__
            raise GatewayError(f"the gateway at {self._address} did not answer {path}: {why}") from error
        finally:
            connection.close()

    def _decoded(self, body: bytes, type_: type[_T]) -> _T:
        try:
            return msgspec.json.decode(body, type=type_)
        except msgspec.DecodeError as error:
            raise GatewayError(f"what answers at {self._address} is no gateway of this version: {error}") from error

    @property
    def _address(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"
