"""Problems as their files say them: a plain one to change, and what was planned written back as a file."""

from __future__ import annotations

import dataclasses
import json
import math
from datetime import datetime
from enum import Enum
from typing import Any

from heg.model.plan import PlanInputs

NOT_IN_THE_FILE = {"first_slot_share", "degradations", "time_limit_s", "gap"}


def problem(slots: int = 3, **changes: Any) -> dict[str, Any]:
    """A house that draws 1 kW throughout, with a battery; None takes a key away."""
    plain: dict[str, Any] = {
        "slot_minutes": 60,
        "start": "2026-11-21T00:00:00Z",
        "demand_kw": [1.0] * slots,
        "import_eur_per_kwh": [0.3] * slots,
        "ess": {"capacity_kwh": 10, "min_rate_kw": -5, "max_rate_kw": 5, "soc_kwh": 5, "end_value_eur_per_kwh": 0.1},
    }
    return {name: value for name, value in (plain | changes).items() if value is not None}


def as_bytes(keys: object) -> bytes:
    """The file's bytes; what is no number stands there as Python writes it, NaN."""
    return json.dumps(keys).encode()


def as_file(inputs: PlanInputs) -> dict[str, Any]:
    """The keys that say this problem."""
    return {
        field.name: _said(getattr(inputs, field.name))
        for field in dataclasses.fields(inputs)
        if field.name not in NOT_IN_THE_FILE
    }


def _said(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case datetime():
            return value.isoformat()
        case float() if math.isnan(value):
            return None
        case tuple():
            return [_said(each) for each in value]
        case _ if dataclasses.is_dataclass(value):
            return {field.name: _said(getattr(value, field.name)) for field in dataclasses.fields(value)}
        case _:
            return value
