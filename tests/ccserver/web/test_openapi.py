"""The API's own description: complete, and its examples are true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from ccserver.web.app import ROUTERS
from ccserver.web.examples import EXAMPLES
from ccserver.web.openapi import describe
from tests.support.web import V1, site


def description() -> dict[str, Any]:
    app = FastAPI()
    for router in ROUTERS:
        app.include_router(router)
    return describe(app)


FOUND = description()
OPERATIONS = [
    pytest.param(operation, id=f"{method.upper()} {path}")
    for path, methods in FOUND["paths"].items()
    for method, operation in methods.items()
]


def test_a_server_gives_it_to_whoever_asks_and_asks_again(tmp_path: Path):
    with site(tmp_path) as opened:
        given = [opened.client.get(f"{V1}/openapi.json").json() for _ in range(2)]

    assert given[0] == given[1]
    assert {**given[0], "info": None} == {**FOUND, "info": None}


def shapes(operation: dict[str, Any]) -> list[dict[str, Any]]:
    """Of what goes in, and of what comes out when it is done."""
    done = [said for status, said in operation["responses"].items() if status.startswith("2")]
    contents = [operation["requestBody"]] if "requestBody" in operation else []
    found = []
    for content in (*contents, *done):
        schema = content["content"]["application/json"]["schema"]
        found.append(FOUND["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    return found


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_has_examples_of_all_that_must_be_known_to_use_it(
    operation: dict[str, Any],
):
    assert shapes(operation)
    for shape in shapes(operation):
        assert shape["examples"], shape["title"]
    for parameter in operation.get("parameters", ()):
        assert parameter["in"] != "path" or parameter["example"]


@pytest.mark.parametrize("shape", EXAMPLES, ids=lambda shape: shape.__name__)
def test_an_example_is_one_of_its_shape(shape: type[BaseModel]):
    example = EXAMPLES[shape]

    read = shape.model_validate(example)

    assert read.model_dump(exclude_unset=True) == example


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_says_who_may_and_how_it_is_refused(operation: dict[str, Any]):
    assert operation["security"] == [] or operation["x-roles"]
    for status in ("429", "500", "503"):
        schema = operation["responses"][status]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Refusal"}
