"""The API as an OpenAPI 3.1 document, made from the declared rows and types."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from heg.web.accounts.roles import MEANINGS, Permission
from heg.web.answering import REFUSED, STATUS
from heg.web.endpoint import Endpoint, Method, Nothing, Open, Table, Wanted
from heg.web.guard import REQUEST_HEADER
from heg.web.messages import Message, ProblemDetails

_REF = "#/components/schemas/{name}"
_JSON = "application/json"
_PLACE = re.compile(r"\{(\w+)\}")
_SECURITY: list[dict[str, list[str]]] = [{"session": []}, {"token": []}]
_ABOUT = """\
The local API of one gateway. Units are in the names (`_kw`, `_kwh`, `_s`); shares run from 0 to 1; times are UTC in ISO
8601; signs: grid positive when importing, battery positive when charging, PV positive when producing. A number that is
not known or has no bound is null. Answers may gain members within a version: ignore what is not known. Refusals are
`application/problem+json` (RFC 9457) with `reason`, `expected`, `came` and `mend`; a command that was refused answers
as `Answer` with a status of 400 or above."""


def document(table: Table, version: str) -> dict[str, Any]:
    """Return the document of a table of endpoints; `version` is the gateway's."""
    rows = sorted(table.rows, key=lambda row: row.key[::-1])
    schemas = _components(rows)
    paths: dict[str, dict[str, Any]] = {}
    for row in rows:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "heg, the home energy gateway",
            "version": "1",
            "x-heg-version": version,
            "description": _ABOUT,
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "__Host-heg-session"},
                "token": {"type": "http", "scheme": "bearer", "description": "heg_t_..., from POST /api/v1/tokens"},
            },
        },
    }


def _components(rows: Iterable[Endpoint]) -> dict[str, Any]:
    types: dict[str, Any] = {ProblemDetails.__name__: ProblemDetails}
    for row in rows:
        for type_ in (row.answers, row.body):
            if not isinstance(type_, str) and type_ is not Nothing:
                types[type_.__name__] = type_
    _, found = msgspec.json.schema_components(list(types.values()), ref_template=_REF)
    return dict(sorted(found.items()))


def _operation(row: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(row),
        "summary": row.summary,
        "tags": [row.group],
        "parameters": _parameters(row),
        "responses": {"200": _answer(row), **_others(row), "default": _problem()},
        "security": [] if row.needs is Open.TO_ANYBODY else _SECURITY,
        "x-heg-needs": str(row.needs),
        "x-heg-household": row.household,
    }
    if isinstance(row.needs, Permission):
        fresh = " The password must just have been given." if row.fresh else ""
        operation["description"] = f"Needs the permission `{row.needs}`: {MEANINGS[row.needs]}.{fresh}"
    if row.method is Method.POST:
        operation["requestBody"] = {"required": True, "content": {_JSON: {"schema": _body(row)}}}
    return operation


def _operation_id(row: Endpoint) -> str:
    path = row.path.removeprefix("/api/v1/").strip("/")
    words = [word for word in re.split(r"\W+", path) if word]
    return "_".join(("post" if row.method is Method.POST else "get", *words))


def _parameters(row: Endpoint) -> list[dict[str, Any]]:
    places = set(_PLACE.findall(row.path))
    found = [
        _parameter(field, row.wanted, path=field.encode_name in places) for field in msgspec.structs.fields(row.wanted)
    ]
    if row.method is Method.POST:
        schema = {"type": "string", "const": "1"}
        found.append({"name": REQUEST_HEADER, "in": "header", "required": True, "schema": schema})
    elif not isinstance(row.answers, str):
        found.append({"name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string"}})
    return found


def _parameter(field: Any, wanted: type[Wanted], *, path: bool) -> dict[str, Any]:
    schema = _field_schema(field.encode_name, wanted)
    description = schema.pop("description", "")
    found = {
        "name": field.encode_name,
        "in": "path" if path else "query",
        "required": path or field.required,
        "schema": schema,
    }
    return {**found, "description": description} if description else found


def _field_schema(name: str, wanted: type[Wanted]) -> dict[str, Any]:
    schema = msgspec.json.schema(wanted)
    definitions = schema["$defs"]
    found: dict[str, Any] = dict(definitions[wanted.__name__]["properties"][name])
    if "anyOf" in found:  # what may be left out of an address cannot be said to be null in it
        default = {key: value for key, value in found.items() if key not in ("anyOf", "default")}
        [one] = [member for member in found["anyOf"] if member != {"type": "null"}]
        found = {**default, **one}
    if "$ref" in found:
        target = definitions[found.pop("$ref").rpartition("/")[2]]
        found = {**{key: value for key, value in target.items() if key != "title"}, **found}
    return found


def _answer(row: Endpoint) -> dict[str, Any]:
    if isinstance(row.answers, str):
        content: dict[str, Any] = {row.answers.split(";")[0]: {}}
    else:
        content = {_JSON: {"schema": _ref(row.answers)}}
    content.update({kind.split(";")[0]: {} for kind in row.also})
    return {"description": row.summary, "content": content}


def _others(row: Endpoint) -> dict[str, Any]:
    """Answers besides 200 that are no problem."""
    if row.method is Method.GET:
        return {} if isinstance(row.answers, str) else {"304": {"description": "as the If-None-Match says"}}
    if isinstance(row.answers, str) or "outcome" not in {field.name for field in msgspec.structs.fields(row.answers)}:
        return {}
    content = {**_answer(row)["content"], **_problem()["content"]}
    refused = {"description": "the command was refused, or nobody answered it", "content": content}
    return {str(status): refused for status in sorted({*STATUS.values(), REFUSED})}


def _problem() -> dict[str, Any]:
    content = {"application/problem+json": {"schema": _ref(ProblemDetails)}}
    return {"description": "refused: what was expected, what came, how to mend it", "content": content}


def _body(row: Endpoint) -> dict[str, Any]:
    if row.body is Nothing:
        return {"type": "object", "additionalProperties": False}
    return {"$ref": _REF.format(name=row.body.__name__)}


def _ref(type_: type[Message]) -> dict[str, str]:
    return {"$ref": _REF.format(name=type_.__name__)}
