"""What the composition root settles for the web. Import-light: nothing of the HTTP server is loaded with it."""

from dataclasses import dataclass, field

from heg.model.sockets import REDIRECT, WEB, WEB_TLS
from heg.web.budget import Budget


@dataclass(frozen=True, slots=True)
class LanSettings:
    """Where the home network finds the page, over TLS. `names` are what its owner calls this machine.

    `connections` is how many there may be at once (each takes 270 KiB, as asyncio buffers TLS), `connections_each` how
    many of one address.
    """

    host: str
    state_dir: str
    port: int = WEB_TLS.default_port
    redirect_port: int = REDIRECT.default_port
    names: tuple[str, ...] = ()
    connections: int = 32
    connections_each: int = 16


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Where the page listens and how much it may take.

    `host` is loopback; `lan` says where else, if anywhere. `port` 0 means any free port. `rate_hz` is how often the
    live stream speaks at most, in real time; `clients` how many live pages may be open at once; `connections` how many
    TCP connections of any kind from this machine. `slow_s` and `heartbeat_s` are real seconds: how long a live page may
    leave us waiting, and after what silence we show that we are there. `budget` is how often one
    session, token or (of who has neither) address may ask.
    """

    host: str = "127.0.0.1"
    port: int = WEB.default_port
    rate_hz: float = 4.0
    clients: int = 64
    connections: int = 160
    slow_s: float = 10.0
    heartbeat_s: float = 10.0
    lan: LanSettings | None = None
    budget: Budget = field(default_factory=Budget)
