"""A driver as the reader of heg.toml knows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from heg.model.sockets import OpenSocket


@dataclass(frozen=True)
class Sectioned:
    """A section's type, and where one has its driver listen: nowhere unless told."""

    config_type: type[Any]
    sockets: Callable[[Any], tuple[OpenSocket, ...]] = lambda _section: ()
