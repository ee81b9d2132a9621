"""Schemathesis, which knows nothing of us but the API's own description, against a real server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.peers.programs import LOOPBACK, until
from tests.peers.server import Server

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

    until(ready, 25, "the web process to be ready")
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
        names_nothing = answer.status_code == 422 and answer.json()["refused"] != "BAD_REQUEST"
        case.validate_response(
            answer,
            # a code, a number or a destination that is written well, and that we do not have
            excluded_checks=[positive_data_acceptance] if names_nothing else [],
        )

    answers()
