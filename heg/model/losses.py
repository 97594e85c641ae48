"""The loss matrix as data (DESIGN.md, Two clocks): what may be lost, what holds then, and who sees to it.

Each room looks its row up by id: `loss("grid-meter-stale")`. The page docs/loss-matrix.md is printed from here; a test
demands that it is, that the enforcer named in a row knows the row's id, and that the rig plays the row's scenario.
"""

from collections.abc import Mapping
from types import MappingProxyType

from heg.model.loss_rows import ROWS
from heg.model.loss_types import LossKind, LossRow, Span
from heg.model.timings import Timings


def _index(rows: tuple[LossRow, ...]) -> Mapping[str, LossRow]:
    index = {row.id: row for row in rows}
    if len(index) != len(rows):
        raise ValueError("the loss matrix has two rows of one id")
    return MappingProxyType(index)


LOSSES: Mapping[str, LossRow] = _index(ROWS)


def loss(row_id: str) -> LossRow:
    """Return the row of this id. Raises `KeyError` naming the ids that exist."""
    try:
        return LOSSES[row_id]
    except KeyError:
        raise KeyError(f"no loss row {row_id!r}; expected one of {', '.join(LOSSES)}") from None


def page() -> str:
    """Return docs/loss-matrix.md, for a control cycle of 1 s."""
    timings = Timings.for_cycle(1.0)
    lines = [_HEAD]
    for kind in LossKind:
        lines += [f"\n## {kind.value.capitalize()}s\n"]
        lines += [_paragraph(row, timings) for row in LOSSES.values() if row.kind is kind]
    return "\n".join(lines) + "\n"


_HEAD = """# Loss matrix

What may be lost, how old it may get, what then holds and how it ends. Printed from
`heg/model/loss_rows.py`; do not edit.
Times are for a control cycle of 1 s; with a longer cycle those marked with * grow with it (`heg/model/timings.py`)."""


def _paragraph(row: LossRow, timings: Timings) -> str:
    age = f", at most {_seconds(row.max_age, timings)} old" if row.max_age is not None else ""
    return (
        f"### {row.id}\n\n"
        f"**Lost:** {row.lost}{age}.  \n"
        f"**Mode:** {row.mode}.  \n"
        f"**Within {_seconds(row.within, timings)}:** {row.safe}.  \n"
        f"**Left:** {row.left}.  \n"
        f"**Enforced by** `{row.enforcer}`, **played by** `hil/scenarios/{row.scenario}.toml`.\n"
    )


def _seconds(span: Span, timings: Timings) -> str:
    return f"{span.at(timings):g} s{'*' if span.timing or span.cycles else ''}"
