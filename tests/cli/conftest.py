"""What several tests of commands are handed."""

from tests.cli.served import person

__all__ = ["person"]
