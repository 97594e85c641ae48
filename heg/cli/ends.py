"""How a command ends: exit codes, and the error that a person reads."""

DONE = 0
FAILED = 1
UNREACHABLE = 69
BAD_CONFIG = 78
EXIT_CODES = """exit codes:
  0   done, good
  1   failed, refused or not healthy
  2   the command was not understood
  69  no gateway answers
  78  the configuration cannot be used"""


class CommandError(Exception):
    """Ends a command with an exit code and what a person reads on standard error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
