"""What our message layer makes of a torture message."""

from __future__ import annotations

from pathlib import Path

from sip.message import MalformedMessage, Request, Response, check, parse

MESSAGES = Path(__file__).parent / "messages"


def load(rfc: str, name: str) -> bytes:
    return (MESSAGES / rfc / f"{name}.dat").read_bytes()


def accepted_request(data: bytes, **knowledge) -> Request:
    """The request, which must pass all checks."""
    message = parse(data)
    assert isinstance(message, Request)
    assert check(message, **knowledge) is None
    return message


def accepted_response(data: bytes) -> Response:
    """The response, all of whose headers must be readable."""
    message = parse(data)
    assert isinstance(message, Response)
    _ = message.vias, message.from_, message.to, message.call_id, message.cseq, message.contacts
    return message


def answer_status(data: bytes, **knowledge) -> int | None:
    """The status a server answers with before acting; None if it can only drop the message."""
    try:
        message = parse(data)
    except MalformedMessage as error:
        answer = error.answer()
    else:
        assert isinstance(message, Request)
        refusal = check(message, **knowledge)
        assert refusal is not None
        answer = message.response(refusal.status, headers=refusal.headers).encode()
    if answer is None:
        return None
    # It copies the headers as they came, so only its start line is sure to be readable.
    response = parse(answer)
    assert isinstance(response, Response)
    return response.status
