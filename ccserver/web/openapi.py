"""The API's own description: what FastAPI finds, and what it cannot know.

Who may, how one signs in, and that whatever is refused has one shape with a reason code.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ccserver.web.examples import EXAMPLES, PATH
from ccserver.web.rights import RIGHTS

_SCHEMES = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token of POST /api/v1/session",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "ccserver",
        "description": "For pages; with TLS its name is __Host-ccserver.  What changes something "
        "needs the header Origin, and X-CSRF-Token with the session's csrf.",
    },
}
_OF_ALL = {
    "405": "No such method",
    "422": "A value is wrong: errors has each",
    "429": "Too much at once: Retry-After has the seconds",
    "500": "Our fault",
    "503": "The core did not answer: ask again",
}
_OF_PRIVATE = {"401": "Not signed in", "403": "Never for this role, or not from this page"}
_OF_BODIES = {"413": "Too large", "415": "Not JSON"}
_VALIDATION = ("HTTPValidationError", "ValidationError")


def describe(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1, as JSON has it."""
    found = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    parts = found["components"]
    parts["securitySchemes"] = _SCHEMES
    for name in _VALIDATION:
        parts["schemas"].pop(name, None)
    for shape, example in EXAMPLES.items():
        parts["schemas"][shape.__name__]["examples"] = [example]
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            _complete(operation, method.upper(), path)
    return found


def _complete(operation: dict[str, Any], method: str, path: str) -> None:
    operation["operationId"] = operation["operationId"].partition("_api_v1")[0]
    for parameter in operation.get("parameters", ()):
        _without_null(parameter["schema"])
        if parameter["in"] == "path":
            parameter["example"] = PATH[parameter["name"]]
    responses = operation["responses"]
    refusals = dict(_OF_ALL)
    roles = RIGHTS.get((method, path), frozenset())
    if roles is None:
        operation["security"] = []
    else:
        operation["security"] = [{name: []} for name in _SCHEMES]
        operation["x-roles"] = sorted(roles)
        refusals |= _OF_PRIVATE
    if "{" in path:
        refusals["404"] = "Unknown, or not for you"
    if "requestBody" in operation:
        refusals |= _OF_BODIES
    for status, text in refusals.items():
        told = responses.get(status, {}).get("description", text)
        responses[status] = _refusal(text if status == "422" else told)


def _without_null(schema: dict[str, Any]) -> None:
    """A header or a query may be left out; nothing that is sent means that it was."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        del schema["anyOf"]
        schema.update(kinds[0])


def _refusal(text: str) -> dict[str, Any]:
    shape = {"$ref": "#/components/schemas/Refusal"}
    return {"description": text, "content": {"application/json": {"schema": shape}}}
