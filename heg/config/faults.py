"""A fault of the configuration, in the form every error of ours has: where, what came, what was expected."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConfigFault:
    """One fault: where, what came, what was expected."""

    where: str
    came: str
    expected: str

    def __str__(self) -> str:
        came = f" = {self.came}" if self.came else ""
        return f"{self.where}{came}: expected {self.expected}"


def shown(raw: object) -> str:
    """Show a value as it would stand in the file, cut short."""
    text = repr(raw).replace("'", '"') if isinstance(raw, str) else repr(raw)
    return text if len(text) <= 60 else text[:57] + "..."
