"""What the API offers, written down once: the OpenAPI document and the page for people are made of this table."""

from __future__ import annotations

from importlib.metadata import version
from typing import NamedTuple

from listener.desk.api_schemas import MENTION_ID, SCHEMAS, TEXT, Schema, ref
from listener.desk.filters import LABELS, STATES
from storage.records_desk import Role


class Parameter(NamedTuple):
    """`several`: may stand more than once."""

    name: str
    about: str
    schema: Schema
    several: bool = False
    required: bool = False


class Operation(NamedTuple):
    """`takes` and `gives` name SCHEMAS; `errors` are the answers that are particular to it."""

    method: str
    path: str
    about: str
    gives: str
    role: Role = "viewer"
    parameters: tuple[Parameter, ...] = ()
    takes: str = ""
    status: int = 200
    errors: tuple[int, ...] = ()


_WHEN = "a date, a time, or 90d, 12h ago"
_AFTER = Parameter("after", "where to go on: the `after` of the page before", TEXT)
_LIMIT = Parameter("limit", "how many", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50})
_BRANDS = Parameter("brand", "of this brand", TEXT, several=True)
_ONE_BRAND = Parameter("brand", "of this brand", TEXT, required=True)
_SINCE = Parameter("since", f"from then on: {_WHEN}", TEXT)
_UNTIL = Parameter("until", f"before then: {_WHEN}", TEXT)
_WINDOW = (_ONE_BRAND, _SINCE._replace(schema={**TEXT, "default": "7d"}), _UNTIL)
_FILTERS = (
    _BRANDS,
    Parameter("source", "of this source", TEXT, several=True),
    Parameter("label", "with this label, a person's before the machine's", {"enum": [*LABELS]}, several=True),
    Parameter("language", "in this language", TEXT, several=True),
    Parameter("state", "with a case in this state", {"enum": [*STATES]}, several=True),
    Parameter("assignee", "assigned to this person, or to `me`", TEXT),
    Parameter("rating", "at most so many stars", {"type": "number", "minimum": 0, "maximum": 5}),
    *(_SINCE, _UNTIL),
    Parameter("q", "with these words in title, text or author", TEXT),
    *(_AFTER, _LIMIT),
)

OPERATIONS = (
    Operation("GET", "/api/mentions", "Mentions, the newest first.", "Mentions", parameters=_FILTERS),
    Operation("GET", "/api/mentions/{id}", "Everything about a mention.", "WholeMention", errors=(404,)),
    Operation("GET", "/api/cases", "Open cases, the most urgent first.", "Mentions", parameters=_FILTERS),
    Operation(
        *("POST", "/api/cases/{id}/act", "Work on a mention: what the buttons of the desk do.", "Done", "reviewer"),
        takes="Act",
        errors=(404, 409),
    ),
    Operation(
        *("GET", "/api/reviews", "Labels that people gave, the newest first.", "Reviews"),
        parameters=(_BRANDS, _AFTER, _LIMIT),
    ),
    Operation(
        *("POST", "/api/reviews", "Label a mention.", "Done", "reviewer"), takes="Label", status=201, errors=(404, 409)
    ),
    Operation(
        "GET",
        "/api/report",
        "The report as the command prints it, but for quotes that wait for a blind label.",
        "Report",
        parameters=_WINDOW,
    ),
    Operation("GET", "/api/nps", "The implied NPS as the command prints it.", "Nps", parameters=_WINDOW),
    Operation("GET", "/api/sources", "Every watch with its health.", "Sources"),
    Operation("GET", "/api/openapi.json", "All of this as OpenAPI.", "Document"),
)


_ERRORS = {
    400: "It cannot be understood.",
    401: "No token, or one that is not known.",
    403: "The token's user has too small a role.",
    404: "There is no such mention.",
    409: "Somebody else is at it, or it has changed: nothing was done.",
    413: "It is too large.",
    415: "It is not JSON.",
    503: "The database is busy.",
}


def document(address: str) -> Schema:
    """OpenAPI 3.1."""
    paths: dict[str, dict[str, Schema]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Listener",
            "version": version("brand-listener"),
            "description": "Times are ISO 8601, UTC. Tokens are made with `listener users token NAME` and may do what "
            "that user may; Basic, with the token as password, only reads.",
        },
        "servers": [{"url": address}],
        "security": [{"bearer": []}, {"basic": []}],
        "paths": paths,
        "components": {
            "schemas": dict(SCHEMAS),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _described(operation: Operation) -> Schema:
    usual = (400, 401, 403, 503) if operation.method == "GET" else (400, 401, 403, 413, 415, 503)
    described: Schema = {
        "summary": operation.about,
        "description": f"Takes the role {operation.role}.",
        "operationId": operation.method.lower() + "".join(part.title() for part in _words(operation.path)),
        "parameters": _parameters(operation),
        "responses": {
            str(operation.status): {"description": "Done.", "content": _json(operation.gives)},
            **{
                str(code): {"description": _ERRORS[code], "content": _json("Error")}
                for code in sorted({*usual, *operation.errors})
            },
        },
    }
    if operation.method != "GET":
        described["security"] = [{"bearer": []}]
    if operation.takes:
        described["requestBody"] = {"required": True, "content": _json(operation.takes)}
    return described


def _words(path: str) -> list[str]:
    return [part.strip("{}") for part in path.removeprefix("/api/").replace(".", "/").split("/")]


def _json(schema: str) -> Schema:
    return {"application/json": {"schema": ref(schema)}}


def _parameters(operation: Operation) -> list[Schema]:
    in_path: list[Schema] = [{"name": "id", "in": "path", "required": True, "schema": MENTION_ID}]
    asked = [
        {
            "name": one.name,
            "in": "query",
            "description": one.about,
            "required": one.required,
            "schema": {"type": "array", "items": one.schema} if one.several else one.schema,
        }
        for one in operation.parameters
    ]
    return [*(in_path if "{id}" in operation.path else []), *asked]
