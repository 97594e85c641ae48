"""How a command ends: exit codes, and the error that a person reads."""

DONE = 0
FAILED = 1
UNREACHABLE = 69
LATER = 75
STRANGER = 76
NOT_ALLOWED = 77
BAD_CONFIG = 78
INTERRUPTED = 130
EXIT_CODES = """exit codes:
  0    done, good
  1    failed, refused or not healthy
  2    the command was not understood
  69   no gateway answers, or its answer broke off
  75   not now: busy, or asked too often; try again later
  76   what answers is not the gateway that was meant
  77   not allowed: log in, or ask the owner
  78   the configuration cannot be used
  130  interrupted (Ctrl-C)"""


class CommandError(Exception):
    """Ends a command with an exit code and what a person reads on standard error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
