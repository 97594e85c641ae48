"""The command `heg`. Every command imports what it needs only when it is asked for, so that `heg check` stays light."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from heg.cli.ends import FAILED, INTERRUPTED, CommandError
from heg.cli.parser import parser_for

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the console script."""
    said = sys.argv[1:] if arguments is None else arguments
    options = parser_for(said[0] if said else "").parse_args(said)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        if hasattr(options, "host") and not hasattr(options, "asks_gateway"):
            raise CommandError(2, "--host: expected a command that asks a gateway; this one works on this machine")
        return command(options)
    except CommandError as error:
        print(error, file=sys.stderr)
        return error.code
    except BrokenPipeError:  # what reads our output, such as head, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
