"""The JSON Schemas of the planner's files, made from the types that read and write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from heg.model.plan_file.keys import Keys, PlanKeys, ProblemKeys

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FILES: Mapping[str, type[Keys]] = {"problem": ProblemKeys, "plan": PlanKeys}


def schema_text(file: str) -> str:
    """Return the schema of `problem` (what is read) or `plan` (what is written), as JSON."""
    type_ = FILES[file]
    (root,), parts = msgspec.json.schema_components([type_], ref_template="#/$defs/{name}")
    named = {name.removesuffix("Keys"): _renamed(part) for name, part in parts.items()}
    whole = {"$schema": DIALECT, "title": f"heg {file}", **_renamed(root), "$defs": named}
    return json.dumps(whole, indent=2) + "\n"


def _renamed(part: Any) -> Any:
    """Name what is described, not our types for it."""
    match part:
        case {"$ref": str(ref), **rest}:
            return {"$ref": ref.removesuffix("Keys"), **{name: _renamed(each) for name, each in rest.items()}}
        case {"title": str(title), "properties": _}:
            return {**{name: _renamed(each) for name, each in part.items()}, "title": title.removesuffix("Keys")}
        case dict():
            return {name: _renamed(each) for name, each in part.items()}
        case list():
            return [_renamed(each) for each in part]
        case _:
            return part
