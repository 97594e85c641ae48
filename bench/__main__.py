"""`python -m bench [NAME ...]`: run `bench/bench_NAME.py` (all without a name), print a table, write `bench/results/`.

Each module offers `def run() -> list[Row]`; one that says `ONLY_BY_NAME = True` takes too long to run unasked. Each has
its file, `NAME.json`. Those of the replay, the planner, the sizing and the appliances are kept with the sources, with
the machine they were measured on.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path

from bench.rows import Row, as_document, table

FOLDER = Path(__file__).parent


def main(arguments: list[str] | None = None) -> int:
    """Return 1 when a promise is broken, else 0."""
    names = sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))
    parser = argparse.ArgumentParser(prog="bench", description="Measure. Without a name: all but what takes an hour.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(names)}")
    wanted = parser.parse_args(arguments).names or [name for name in names if not _only_by_name(name)]
    if unknown := sorted(set(wanted) - set(names)):
        parser.error(f"{', '.join(unknown)}: expected one of {', '.join(names)}")
    measured = {name: measure(name) for name in wanted}
    print()
    print(table(row for rows in measured.values() for row in rows))
    write(FOLDER / "results", measured)
    return int(any(row.kept is False for rows in measured.values() for row in rows))


def measure(name: str) -> list[Row]:
    """Run one bench."""
    print(f"measuring {name} ...", file=sys.stderr, flush=True)
    rows: list[Row] = importlib.import_module(f"bench.bench_{name}").run()
    return rows


def _only_by_name(name: str) -> bool:
    return bool(getattr(importlib.import_module(f"bench.bench_{name}"), "ONLY_BY_NAME", False))


def write(folder: Path, measured: dict[str, list[Row]]) -> None:
    """Put the results of each bench into its own file."""
    folder.mkdir(exist_ok=True)
    for name, rows in measured.items():
        text = json.dumps(as_document(rows), indent=1, sort_keys=True)
        (folder / f"{name}.json").write_text(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
