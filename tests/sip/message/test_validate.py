from __future__ import annotations

import pytest

from sip.message import check, parse

REQUEST = (
    b"INVITE sip:service@example.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKa\r\n"
    b"Max-Forwards: 70\r\n"
    b"From: <sip:alice@example.com>;tag=a\r\n"
    b"To: <sip:service@example.com>\r\n"
    b"Call-ID: c1\r\n"
    b"CSeq: 7 INVITE\r\n"
    b"Content-Type: application/sdp\r\n"
    b"User-Agent: u\r\n\r\nv=0\r\n"
)
EXTENSIONS = frozenset(("replaces",))
BODIES = frozenset(("application/sdp",))


def status(old: bytes = b"", new: bytes = b"") -> int | None:
    refusal = check(parse(REQUEST.replace(old, new)), extensions=EXTENSIONS, bodies=BODIES)
    return None if refusal is None else refusal.status


def test_a_sound_request_is_acted_upon():
    assert status() is None


@pytest.mark.parametrize(
    "new", [b"tel:+4930123", b"sips:service@example.com", b"SIP:service@example.com"]
)
def test_schemes_we_know(new):
    assert status(b"sip:service@example.com SIP", new + b" SIP") is None


@pytest.mark.parametrize("new", [b"urn:service:sos", b"http://example.com/", b"x:y"])
def test_schemes_we_do_not_know_are_416(new):
    assert status(b"sip:service@example.com SIP", new + b" SIP") == 416


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"7 INVITE", b"7 BYE"),
        (b"7 INVITE", b"7 invite"),
        (b"com SIP/2.0", b"com?Subject=x SIP/2.0"),
        (b"UDP 192.0.2.7", b"UDP 192.0.2.7 x"),
        (b"<sip:alice@example.com>", b"<sip:alice@>"),
        (b"Forwards: 70", b"Forwards: x"),
        (b"User-Agent: u", b"Contact: <sip:a"),
        (b"User-Agent: u", b"Route: <sip:a"),
        (b"User-Agent: u", b"Record-Route: a"),
        (b"User-Agent: u", b'Require: "a, b'),
        (b"application/sdp", b"sdp"),
        (b"Content-Type: application/sdp\r\n", b""),
    ],
)
def test_what_cannot_be_read_is_400(old, new):
    assert status(old, new) == 400


def test_extensions_we_have_may_be_required():
    assert status(b"User-Agent: u", b"Require: Replaces") is None


def test_extensions_we_lack_are_named():
    request = parse(REQUEST.replace(b"User-Agent: u", b"Require: replaces, 100rel\r\nRequire: x"))
    refusal = check(request, extensions=EXTENSIONS)
    assert refusal is not None
    assert (refusal.status, refusal.headers) == (420, (("Unsupported", "100rel, x"),))


@pytest.mark.parametrize("method", [b"ACK", b"CANCEL"])
def test_nothing_is_required_of_an_ack_or_a_cancel(method):
    data = REQUEST.replace(b"INVITE", method).replace(b"User-Agent: u", b"Require: x")
    assert check(parse(data)) is None


def test_a_coded_body_is_415():
    assert status(b"User-Agent: u", b"Content-Encoding: gzip") == 415
    assert status(b"User-Agent: u", b"e: identity") is None


def test_an_unknown_body_is_415_unless_it_is_optional():
    assert status(b"application/sdp", b"text/plain") == 415
    optional = b"text/plain\r\nContent-Disposition: render; Handling = optional"
    assert status(b"application/sdp", optional) is None


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (b"application/sdp", None),
        (b"text/plain, Application/SDP;level=1", None),
        (b"application/*", None),
        (b"*/*;q=0.1", None),
        (b"text/plain", 406),
        (b"", 406),
    ],
)
def test_an_invite_must_accept_sdp(accept, expected):
    assert status(b"User-Agent: u", b"Accept: " + accept) == expected
