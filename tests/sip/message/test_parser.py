from __future__ import annotations

import pytest

from sip.message import MalformedMessage, Request, Response, parse

HEADERS = {
    "Via": "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1",
    "From": "<sip:alice@example.com>;tag=1",
    "To": "<sip:bob@example.com>",
    "Call-ID": "c1@192.0.2.1",
    "CSeq": "1 OPTIONS",
}


def message(
    *extra: str, start: str = "OPTIONS sip:bob@example.com SIP/2.0", body: bytes = b"", **instead
) -> bytes:
    """A request, with `extra` header lines, and headers replaced (or left out, if None)."""
    headers = HEADERS | {name.replace("_", "-"): value for name, value in instead.items()}
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([start, *lines, *extra]).encode() + b"\r\n\r\n" + body


def refused(data: bytes) -> MalformedMessage:
    with pytest.raises(MalformedMessage) as caught:
        parse(data)
    return caught.value


def test_a_request():
    request = parse(message("Content-Type: text/plain", "Content-Length: 2", body=b"hi"))
    assert isinstance(request, Request)
    assert (request.method, request.target) == ("OPTIONS", "sip:bob@example.com")
    assert request.body == b"hi"
    assert request.header("content-type") == "text/plain"


def test_a_response():
    response = parse(message(start="SIP/2.0 486 Busy Here"))
    assert isinstance(response, Response)
    assert (response.status, response.reason) == (486, "Busy Here")


def test_the_version_may_be_in_any_case():
    assert isinstance(parse(message(start="OPTIONS sip:b@c sip/2.0")), Request)
    assert isinstance(parse(message(start="sip/2.0 200 OK")), Response)


def test_line_breaks_before_the_message_are_ignored():
    assert parse(b"\r\n\r\n" + message()) == parse(message())


@pytest.mark.parametrize(
    "data", [b"", b"a", b"\r\n\r\n", b"\0" * 100, b"a" * 65507, b"\xff" * 70000, b" \r\n\r\n"]
)
def test_noise_is_malformed_and_gets_no_answer(data):
    assert refused(data).answer() is None


@pytest.mark.parametrize(
    "start",
    [
        "OPTIONS",
        "OPTIONS sip:b@c",
        "OPTIONS  sip:b@c SIP/2.0",
        "OPTIONS sip:b@c SIP/2.0 ",
        "OPTIONS\tsip:b@c SIP/2.0",
        "OPTIONS sip:b@c HTTP/1.1",
        "OPT<IONS sip:b@c SIP/2.0",
        "M" * 65 + " sip:b@c SIP/2.0",
        "SIP/2.0 99 x",
        "SIP/2.0 700 x",
        "SIP/2.0 0200 x",
        "SIP/2.0 2OO x",
        "SIP/2.0 \u0662\u0660\u0660 x",
        "SIP/2.0",
    ],
)
def test_a_start_line_that_is_none_is_400(start):
    assert refused(message(start=start)).status == 400


def test_another_version_is_505():
    assert refused(message(start="OPTIONS sip:b@c SIP/3.0")).status == 505
    assert refused(message(start="SIP/3.0 200 OK")).status == 505


@pytest.mark.parametrize("name", list(HEADERS))
def test_a_header_that_must_be_there_is_missed(name):
    error = refused(message(**{name.replace("-", "_"): None}))
    assert error.status == 400
    assert error.answer() is None


@pytest.mark.parametrize(
    "line",
    [
        "From: <sip:mallory@example.com>",
        "f: <sip:mallory@example.com>",
        "To: <sip:x@example.com>;tag=",
        "t:",
        "Call-ID: c2",
        "call-id : c2",
        "i: c2",
        "CSEQ: 2 OPTIONS",
        "Max-Forwards: 1\r\nmax-forwards: 2",
        "Content-Length: 0\r\nl: 0",
        "c: a/b\r\nContent-Type: c/d",
    ],
)
def test_what_may_come_once_comes_once_whatever_its_spelling(line):
    error = refused(message(line))
    assert error.status == 400
    assert error.header is not None
    assert error.answer() is not None


@pytest.mark.parametrize(
    "value",
    ["-1", "+5", "5 5", "5, 5", "", "0x5", "1e1", "\u0665", "1000000000000000000", "2147483648"],
)
def test_a_content_length_that_is_no_length_is_400(value):
    error = refused(message(f"Content-Length: {value}", body=b"12345"))
    assert (error.status, error.header) == (400, "Content-Length")


def test_a_body_is_cut_to_its_length_and_never_made_up():
    assert parse(message("Content-Length: 3", body=b"12345")).body == b"123"
    assert parse(message(body=b"12345")).body == b"12345"
    assert refused(message("Content-Length: 6", body=b"12345")).header == "Content-Length"


@pytest.mark.parametrize(
    "line", ["no colon", "X Internal: 1", ": value", "X-\u0130: 1", "X-Y\0: 1", "X\x0bY: 1"]
)
def test_a_header_without_a_name_is_400(line):
    assert refused(message(line)).status == 400


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\n\rb", "a\r", "\n", "a\0b"])
def test_a_line_break_of_another_kind_and_a_nul_are_400(value):
    assert refused(message(f"X-A: {value}")).status == 400


def test_only_cr_lf_breaks_a_line():
    value = "a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g"
    request = parse(message(f"Subject: {value}"))
    assert request.header("Subject") == value


def test_only_blanks_are_stripped_from_a_value():
    assert parse(message("Subject:\t \u00a0x\u00a0 \t")).header("Subject") == "\u00a0x\u00a0"


def test_bytes_that_are_not_utf8_come_through_unchanged():
    data = message("Subject: x").replace(b"x\r\n\r\n", b"\xff\xfe\r\n\r\n")
    assert b"Subject: \xff\xfe\r\n" in parse(data).encode()


def test_folded_lines_belong_to_the_header_above():
    request = parse(message("Subject: one\r\n\ttwo\r\n   three", "User-Agent: u"))
    assert request.header("Subject") == "one two three"
    assert request.header("User-Agent") == "u"


def test_a_folded_line_cannot_hide_a_header():
    request = parse(message("Subject: x\r\n X-Internal: 1"))
    assert request.header("X-Internal") is None
    assert "X-Internal" not in request.fields


def test_nothing_is_above_the_first_header_to_belong_to():
    start = "OPTIONS sip:b@c SIP/2.0\r\n Via: SIP/2.0/UDP evil"
    assert refused(message(start=start)).status == 400


@pytest.mark.parametrize(
    "line",
    ["X-Internal: 1", "x-internal: 1", "X-INTERNAL \t: 1", "X-inTERNal:1", "X-Internal:\r\n 1"],
)
def test_all_spellings_of_a_header_are_seen_under_one_name(line):
    request = parse(message(line))
    assert request.fields["X-Internal"] == ("1",)
    assert request.header("x-InTeRnAl") == "1"


# Limits


def test_a_head_of_64_kb_and_no_more():
    room = 65536 - len(message("X-A: ")) + 4
    assert parse(message(f"X-A: {'a' * room}")).header("X-A") == "a" * room
    error = refused(message(f"X-A: {'a' * (room + 1)}"))
    assert error.status == 513
    assert error.answer().startswith(b"SIP/2.0 513 Message Too Large\r\n")


def test_256_header_lines_and_no_more():
    free = 256 - len(HEADERS)
    assert len(parse(message(*["X-A: 1"] * free)).header_all("X-A")) == free
    assert refused(message(*["X-A: 1"] * (free + 1))).status == 400


def test_64_accept_headers_do_no_harm():
    assert len(parse(message(*["Accept: a/b"] * 64)).tokens("Accept")) == 64


@pytest.mark.parametrize(
    ("name", "item", "limit", "read"),
    [
        ("Via", "SIP/2.0/UDP a;branch=z9hG4bK2", 69, "vias"),
        ("Route", "<sip:a;lr>", 32, "routes"),
        ("Record-Route", "<sip:a;lr>", 32, "record_routes"),
        ("Contact", "<sip:a>", 10, "contacts"),
    ],
)
def test_lists_have_a_limit_however_they_are_written(name, item, limit, read):
    assert getattr(parse(message(*[f"{name}: {item}"] * limit)), read)
    assert getattr(parse(message(f"{name}: {', '.join([item] * limit)}")), read)
    assert refused(message(*[f"{name}: {item}"] * (limit + 1))).header == name
    with pytest.raises(MalformedMessage) as caught:
        getattr(parse(message(f"{name}: {', '.join([item] * (limit + 1))}")), read)
    assert caught.value.status == 400
    assert caught.value.answer() is not None
