"""Schemathesis, which knows nothing of us but the API's own description, against a real server."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.peers.programs import LOOPBACK, PATIENCE, until
from tests.peers.server import Server

WHEN = re.compile(r"(today|yesterday|\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?)?)$")
EACH = 15
"""Requests of each operation: half of them as described, half of them not."""


@pytest.fixture
def url(start_server: Callable[..., Server]) -> str:
    server = start_server(web__requests_per_second="10000")
    place = f"http://{LOOPBACK}:{server.web}"

    def ready() -> bool:
        try:
            return bool(httpx2.get(f"{place}/readyz").status_code == 200)
        except httpx2.TransportError:
            return False

    until(ready, PATIENCE, "the web process to be ready")
    return place


def test_every_operation_answers_as_its_description_says(url: str) -> None:
    given_ = {"name": "admin", "password": "password-admin"}
    token = httpx2.post(f"{url}/api/v1/session", json=given_).json()["token"]
    schema = schemathesis.openapi.from_url(f"{url}/api/v1/openapi.json")
    tried = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        if found.ok().path != "/api/v1/session":  # it would end ours
            _try(found.ok(), token)
            tried += 1
    assert tried > 30
    assert httpx2.get(f"{url}/readyz").status_code == 200


def _try(operation: Any, token: str) -> None:
    @given(case=operation.as_strategy())
    @settings(
        max_examples=EACH,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def answers(case: Any) -> None:
        answer = case.call(headers={"Authorization": f"Bearer {token}"})
        case.validate_response(
            answer, excluded_checks=[positive_data_acceptance] if _is_well_written(answer) else []
        )

    answers()


def _is_well_written(answer: Any) -> bool:
    """And refused for what no description can say: a code, a number or a destination that we do
    not have; a span of time that ends before it begins, or is too long, or has too many intervals.
    """
    if answer.status_code != 422:
        return False
    said = answer.json()
    if said["refused"] != "BAD_REQUEST":
        return True
    query = parse_qs(urlsplit(answer.request.url).query)
    is_span = all(WHEN.match(text) for end in ("from", "to") for text in query.get(end, ()))
    return is_span and {wrong["field"] for wrong in said["errors"]} <= {"from", "to", "interval"}
