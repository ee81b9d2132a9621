"""Valid SIP messages with one thing changed."""

from __future__ import annotations

from sip.message import Request, Response, parse

BRANCH = "z9hG4bK74bf9"


def make_request(
    method: str = "INVITE",
    target: str = "sip:bob@example.com",
    *,
    branch: str = BRANCH,
    to_tag: str | None = None,
    number: int = 1,
    extra: list[tuple[str, str]] | None = None,
    body: bytes = b"",
) -> Request:
    """As received, from alice at 192.0.2.1."""
    tag = "" if to_tag is None else f";tag={to_tag}"
    headers = [
        ("Via", f"SIP/2.0/UDP 192.0.2.1:5060;branch={branch}"),
        ("Max-Forwards", "70"),
        ("From", "<sip:alice@example.com>;tag=9fxced76sl"),
        ("To", f"<sip:bob@example.com>{tag}"),
        ("Call-ID", "3848276298220188511@example.com"),
        ("CSeq", f"{number} {method}"),
        *(extra or []),
    ]
    return as_request(Request.build(method, target, headers, body).encode())


def as_request(data: bytes) -> Request:
    request = parse(data)
    assert isinstance(request, Request)
    return request


def as_response(data: bytes) -> Response:
    response = parse(data)
    assert isinstance(response, Response)
    return response
