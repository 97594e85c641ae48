"""Commands for programs and shells: any endpoint of the API by its path, its description, figures, completion."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from heg.cli.ends import DONE, FAILED, CommandError
from heg.cli.remote import ask, remote

if TYPE_CHECKING:
    import argparse

    from heg.cli.parser import Add
    from heg.web.client.gateway import Gateway

_LARGEST_BODY_BYTES = 4_000_000
_EXAMPLES = """such as:
  heg api /api/v1/latest?variable=soc
  heg api POST /api/v1/commands/hands-off --data '{"on": true}'
  heg api POST /api/v1/commands/plug-in --data @car.json"""


def add_to(add: Add) -> None:
    """Add the commands."""
    call = remote(add("api", _api, "ask any endpoint by its path; the answer as it came", epilog=_EXAMPLES))
    call.add_argument("method", nargs="?", choices=("GET", "POST"), default="GET", help="default: GET")
    call.add_argument("path", help="such as /api/v1/devices")
    call.add_argument("--data", metavar="JSON|@FILE|-", help="the body of a POST; default: {}")
    remote(add("openapi", _openapi, "what the gateway says of its own API (OpenAPI 3.1)"))
    remote(add("metrics", _metrics, "its figures, as Prometheus reads them"), as_json=False)
    completion = add("completion", _completion, "print what completes commands at TAB; see docs/users/command-line.md")
    completion.add_argument("shell", choices=("bash", "zsh", "fish"))


def _api(options: argparse.Namespace) -> int:
    if not options.path.startswith("/"):
        raise CommandError(2, f"heg api: expected a path such as /api/v1/devices, came {options.path[:60]!r}")
    if options.method == "GET" and options.data is not None:
        raise CommandError(2, "heg api: expected POST for --data")
    body = b"{}" if options.data is None else _body(options.data)
    if options.method == "POST":
        return ask(options, lambda gateway: _posted(gateway, options.path, body))
    return ask(options, lambda gateway: _got(gateway, options.path))


def _body(said: str) -> bytes:
    try:
        if said == "-":
            return sys.stdin.buffer.read(_LARGEST_BODY_BYTES)
        return Path(said[1:]).read_bytes()[:_LARGEST_BODY_BYTES] if said.startswith("@") else said.encode()
    except OSError as error:
        raise CommandError(FAILED, f"--data: expected a file that can be read ({error.strerror})") from error


def _posted(gateway: Gateway, path: str, body: bytes) -> int:
    with gateway.posting(path, body) as (chunks, done):
        _put(chunks)
        return DONE if done else FAILED


def _got(gateway: Gateway, path: str) -> int:
    with gateway.download(path) as chunks:
        return _put(chunks)


def _put(chunks: Iterable[bytes]) -> int:
    """Write an answer as it comes, of any length and kind."""
    last = b""
    for last in chunks:
        sys.stdout.buffer.write(last)
    if last and not last.endswith(b"\n"):
        sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()
    return DONE


def _openapi(options: argparse.Namespace) -> int:
    return ask(options, lambda gateway: _got(gateway, "/api/v1/openapi.json"))


def _metrics(options: argparse.Namespace) -> int:
    return ask(options, lambda gateway: _got(gateway, "/metrics"))


def _completion(options: argparse.Namespace) -> int:
    from heg.cli.completion import script
    from heg.cli.parser import parser

    print(script(options.shell, parser()), end="")
    return DONE
