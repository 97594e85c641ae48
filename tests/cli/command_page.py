"""Prints into docs/users/command-line.md what the parser has: exit codes and commands."""

from pathlib import Path

from heg.cli.completion import Node, tree
from heg.cli.ends import EXIT_CODES
from heg.cli.parser import parser, sections

PAGE = Path(__file__).parents[2] / "docs" / "users" / "command-line.md"
_PRINTED = "## How a command ended\n"
_COMMANDS = """
## All commands

Printed from the parser; a word in brackets may be left out.
"""


def page() -> str:
    """The page with what is printed in it as it is now."""
    written = PAGE.read_text().partition(_PRINTED)[0]
    commands = (_section(heading, names) for heading, names in sections().items())
    return "".join((written, _PRINTED, _exit_codes(), _COMMANDS, *commands))


def _exit_codes() -> str:
    rows = (line.split(maxsplit=1) for line in EXIT_CODES.splitlines()[1:])
    return "\n| exit code | means |\n| --- | --- |\n" + "".join(f"| {code} | {means} |\n" for code, means in rows)


def _section(heading: str, names: list[str]) -> str:
    whole = tree(parser())
    rows = "".join(_row(node) for name in names for node in whole.children[name].every() if not node.children)
    return f"\n### {heading[:1].upper()}{heading[1:]}\n\n| command | what it does |\n| --- | --- |\n{rows}"


def _row(node: Node) -> str:
    places = " ".join(place.name.replace("|", "\\|") for place in node.places)
    return f"| `heg {' '.join((*node.path, places)).strip()}` | {node.text} |\n"


if __name__ == "__main__":
    PAGE.write_text(page())
