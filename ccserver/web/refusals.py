"""What is answered when something is refused: one shape, and the status of each reason code."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response

from actors.reasons import OfferFailure, Refusal, WebRefusal

STATUS: dict[str, int] = {
    Refusal.UNKNOWN_AGENT: 404,
    Refusal.UNKNOWN_CONTACT: 404,
    Refusal.UNKNOWN_QUEUE: 404,
    Refusal.UNKNOWN_COMMAND: 404,
    Refusal.NOT_PERMITTED: 403,
    Refusal.MONITORING_FORBIDDEN: 403,
    Refusal.BAD_REQUEST: 422,
    Refusal.UNKNOWN_IDLE_CODE: 422,
    Refusal.UNKNOWN_WRAP_UP_CODE: 422,
    Refusal.UNKNOWN_DESTINATION: 422,
    Refusal.UNSUPPORTED_DESTINATION: 422,
    Refusal.NOT_IN_DIAL_PLAN: 422,
    Refusal.BAD_TIME: 422,
    OfferFailure.AGENT_LIMIT: 429,
    OfferFailure.TENANT_LIMIT: 503,
    OfferFailure.TRUNK_LIMIT: 503,
    Refusal.KEY_REUSED: 422,
    Refusal.CONFIGURATION_WRONG: 422,
    Refusal.TOO_MANY_COMMANDS: 429,
    Refusal.NO_ANSWER: 503,
    Refusal.STORAGE_UNAVAILABLE: 503,
    WebRefusal.NOT_SIGNED_IN: 401,
    WebRefusal.WRONG_PASSWORD: 401,
    WebRefusal.FORBIDDEN: 403,
    WebRefusal.FOREIGN_ORIGIN: 403,
    WebRefusal.NO_CSRF_TOKEN: 403,
    WebRefusal.NOT_FOUND: 404,
    WebRefusal.METHOD_NOT_ALLOWED: 405,
    WebRefusal.SUPERSEDED: 409,
    WebRefusal.TOO_LARGE: 413,
    WebRefusal.NOT_JSON: 415,
    WebRefusal.RATE_LIMITED: 429,
    WebRefusal.INTERNAL: 500,
    WebRefusal.CORE_DOWN: 503,
}
"""409 for all others: right, but not in this state, or not any more."""


class Refused(Exception):
    """Answered to whoever asked: ``more`` stands in the body beside ``refused`` and ``detail``."""

    def __init__(
        self, code: Refusal | WebRefusal | str, detail: str, *, retry_after: int = 0, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status = STATUS.get(code, 409)
        self.body: dict[str, Any] = {"refused": str(code), "detail": detail, **more}
        self.headers = {"Retry-After": str(retry_after)} if retry_after else {}


def as_response(refused: Refused) -> Response:
    body = orjson.dumps(refused.body)
    return Response(body, refused.status, refused.headers, media_type="application/json")


def of_door(answer: dict[str, Any]) -> Refused:
    """The core's refusal, for HTTP: what it says beside the code is said on."""
    more: dict[str, Any] = {
        name: answer[name]
        for name in ("state", "allowed", "wishes", "errors", "details")
        if name in answer
    }
    code, detail = answer["refused"], answer.get("detail", "")
    if "field" in answer:
        more["errors"] = [{"field": answer["field"], "detail": detail}]
    return Refused(code, detail, retry_after=1 if STATUS.get(code) in (429, 503) else 0, **more)
