from __future__ import annotations

import pytest

from sip.message import CSeq, MalformedMessage, Request, Response, Uri, parse

INVITE = (
    b"INVITE sip:service@example.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP proxy.example.com;branch=z9hG4bKp\r\n"
    b"v: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKa;rport\r\n"
    b"Record-Route: <sip:proxy.example.com;lr>\r\n"
    b"Max-Forwards: 69\r\n"
    b'f: "Alice" <sip:alice@example.com>;tag=a\r\n'
    b"t: <sip:service@example.com>\r\n"
    b"i: c1\r\n"
    b"CSeq: 7 INVITE\r\n"
    b"m: <sip:alice@192.0.2.7>\r\n"
    b"Timestamp: 54\r\n"
    b"Require: a, b\r\n"
    b"Require: c\r\n"
    b"c: Application/SDP ; charset=utf-8\r\n"
    b"l: 4\r\n\r\nv=0\n"
)


def invite(old: bytes = b"", new: bytes = b"") -> Request:
    request = parse(INVITE.replace(old, new))
    assert isinstance(request, Request)
    return request


def test_the_headers_of_a_request():
    request = invite()
    assert request.uri == Uri.parse("sip:service@example.com")
    assert [via.branch for via in request.vias] == ["z9hG4bKp", "z9hG4bKa"]
    assert request.via == request.vias[0]
    assert (request.branch, request.sent_by) == ("z9hG4bKp", "proxy.example.com:5060")
    assert request.from_.display == "Alice"
    assert (request.from_.tag, request.to.tag) == ("a", None)
    assert request.call_id == "c1"
    assert request.cseq == CSeq(7, "INVITE")
    assert [str(contact) for contact in request.contacts] == ["<sip:alice@192.0.2.7>"]
    assert not request.contact_star
    assert request.max_forwards == 69
    assert request.expires is None
    assert request.routes == ()
    assert request.record_routes[0].uri.params == {"lr": None}
    assert request.content_type == "application/sdp"
    assert request.tokens("Require") == ["a", "b", "c"]
    assert request.header_all("require") == ["a, b", "c"]
    assert request.header("Nothing") is None
    assert request.authorization() == []


def test_what_was_read_is_remembered():
    request = invite()
    assert request.via is request.via
    assert request.contacts is request.contacts
    assert request.encode() is request.encode()


@pytest.mark.parametrize(
    ("old", "new", "read", "header"),
    [
        (b"UDP proxy", b"UDP ??", "via", "Via"),
        (b"UDP 192", b"UDP ??", "vias", "Via"),
        (b'"Alice"', b'"Alice', "from_", "From"),
        (b"t: <", b"t: ", "to", "To"),
        (b"i: c1", b"i: c 1", "call_id", "Call-ID"),
        (b"i: c1", b"i:", "call_id", "Call-ID"),
        (b"7 INVITE", b"2147483648 INVITE", "cseq", "CSeq"),
        (b"7 INVITE", b"4294967295 INVITE", "cseq", "CSeq"),
        (b"7 INVITE", b"4294967296 INVITE", "cseq", "CSeq"),
        (b"7 INVITE", b"18446744073709551616 INVITE", "cseq", "CSeq"),
        (b"7 INVITE", b"-1 INVITE", "cseq", "CSeq"),
        (b"7 INVITE", b"1_0 INVITE", "cseq", "CSeq"),
        (b"7 INVITE", b"1 000 INVITE", "cseq", "CSeq"),
        (b"7 INVITE", b"7", "cseq", "CSeq"),
        (b"7 INVITE", b"7 " + b"M" * 2048, "cseq", "CSeq"),
        (b"<sip:alice@192.0.2.7>", b"<sip:alice@192.0.2.7", "contacts", "Contact"),
        (b"m: <sip:alice@192.0.2.7>", b"m: *\r\nm: <sip:a@b>", "contacts", "Contact"),
        (b"m: <sip:alice@192.0.2.7>", b"m: *, <sip:a@b>", "contacts", "Contact"),
        (b"Forwards: 69", b"Forwards: 256", "max_forwards", "Max-Forwards"),
        (b"Forwards: 69", b"Forwards: -1", "max_forwards", "Max-Forwards"),
        (b"<sip:proxy.example.com;lr>", b"<sip:>", "record_routes", "Record-Route"),
        (b"Application/SDP", b"sdp", "content_type", "Content-Type"),
        (b"sip:service@example.com SIP", b"sip: SIP", "uri", "Request-URI"),
    ],
)
def test_a_malformed_header_raises_when_it_is_read_and_can_be_answered(old, new, read, header):
    request = invite(old, new)
    for _ in range(2):
        with pytest.raises(MalformedMessage) as caught:
            getattr(request, read)
        assert caught.value.status == 400
        assert caught.value.header == header
    if request.header("Call-ID"):
        answer = parse(caught.value.answer(("203.0.113.1", 5060)))
        assert isinstance(answer, Response)
        assert answer.status == 400
        assert answer.header("Call-ID") == request.header("Call-ID")


def test_a_malformed_ack_is_never_answered():
    request = invite(b"INVITE", b"ACK")
    with pytest.raises(MalformedMessage) as caught:
        invite(b"INVITE sip:service", b"ACK  sip:service")
    assert caught.value.answer() is None
    with pytest.raises(MalformedMessage) as caught:
        _ = invite(b"INVITE sip:service@example.com", b"ACK sip:").uri
    assert caught.value.answer() is None
    assert request.method == "ACK"


def test_contact_star_names_no_contact():
    request = invite(b"m: <sip:alice@192.0.2.7>", b"m: *")
    assert request.contact_star
    assert request.contacts == ()


@pytest.mark.parametrize(("value", "seconds"), [(b"60", 60), (b"x", 3600), (b"9" * 99, 2**32 - 1)])
def test_expires_is_read_leniently(value, seconds):
    assert invite(b"Timestamp: 54", b"Expires: " + value).expires == seconds


# Responses


def test_a_response_copies_what_identifies_the_request():
    response = invite().response(486, headers=[("retry-after", "5")])
    assert response.encode() == (
        b"SIP/2.0 486 Busy Here\r\n"
        b"Via: SIP/2.0/UDP proxy.example.com;branch=z9hG4bKp\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKa;rport\r\n"
        b'From: "Alice" <sip:alice@example.com>;tag=a\r\n'
        b"To: <sip:service@example.com>\r\n"
        b"Call-ID: c1\r\n"
        b"CSeq: 7 INVITE\r\n"
        b"Retry-After: 5\r\n"
        b"Content-Length: 0\r\n\r\n"
    )


def test_a_tag_is_added_where_there_is_none():
    assert invite().response(200, to_tag="x").to.tag == "x"
    tagged = invite(b"t: <sip:service@example.com>", b"t: sip:service@example.com ; Tag = y")
    assert tagged.response(200, to_tag="x").to.tag == "y"
    angled = invite(b"t: <sip:service@example.com>", b't: "a;tag=1" <sip:b;tag=2>')
    assert angled.response(200, to_tag="x").to.tag == "x"


def test_a_100_takes_the_timestamp_and_no_other_response_does():
    assert invite().response(100).header("Timestamp") == "54"
    assert invite().response(180).header("Timestamp") is None


@pytest.mark.parametrize(
    ("status", "copied"), [(100, False), (180, True), (200, True), (302, False), (486, False)]
)
def test_the_route_is_recorded_where_a_dialog_may_begin(status, copied):
    response = invite().response(status, to_tag="x")
    assert (response.header("Record-Route") is not None) == copied


def test_the_route_is_not_recorded_within_a_dialog_or_where_none_begins():
    again = invite(b"t: <sip:service@example.com>", b"t: <sip:service@example.com>;tag=b")
    assert again.response(200).header("Record-Route") is None
    assert invite(b"INVITE", b"OPTIONS").response(200).header("Record-Route") is None


def test_responses_to_one_request_do_not_share_what_they_add():
    request = invite()
    first = request.response(200, headers=[("Record-Route", "<sip:us>"), ("Via", "SIP/2.0/UDP x")])
    assert len(first.record_routes) == 2
    assert len(request.record_routes) == 1
    assert len(request.response(200).vias) == 2


def test_an_unknown_status_gets_a_phrase_of_its_class():
    assert invite().response(499).reason == "Bad Request"
    assert invite().response(499, "Odd").reason == "Odd"


# The source


def test_where_a_request_came_from_is_noted_in_its_responses():
    request = invite()
    assert request.vias[0].received is None
    request.encode()
    request.stamp_received("203.0.113.9", 40000)
    assert request.via.received == "203.0.113.9"
    assert request.vias[0].received == "203.0.113.9"
    assert request.vias[1].branch == "z9hG4bKa"
    assert request.response(200).via.received == "203.0.113.9"
    assert b"received=203.0.113.9" in request.encode()


def test_only_the_top_one_of_several_vias_in_a_row_is_stamped():
    request = invite(b"branch=z9hG4bKp", b"rport;branch=z9hG4bKp, SIP/2.0/TCP 192.0.2.8;branch=q")
    request.stamp_received("203.0.113.9", 40000)
    assert [via.rport for via in request.vias] == [40000, None, None]
    assert [via.received for via in request.vias] == ["203.0.113.9", None, None]
    assert [via.branch for via in request.vias] == ["z9hG4bKp", "q", "z9hG4bKa"]


# Building


def test_a_request_is_built_and_read_back():
    request = Request.build(
        "OPTIONS",
        "sip:bob@example.com",
        [
            ("via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"),
            ("f", "<sip:a@b>;tag=1"),
            ("To", "<sip:bob@example.com>"),
            ("Call-ID", "c2"),
            ("CSeq", "1 OPTIONS"),
            ("Content-Length", "99"),
        ],
        b"hello",
        "text/plain",
    )
    assert request.content_type == "text/plain"
    assert request.header("Content-Length") is None
    assert request.encode().endswith(
        b"\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
    )
    assert parse(request.encode()) == request


def test_a_via_goes_on_top_and_leaves_the_original_alone():
    bare = Request.build("ACK", "sip:a@b", [("To", "<sip:a@b>")])
    first = bare.with_via("SIP/2.0/UDP one")
    second = first.with_via("SIP/2.0/UDP two")
    assert bare.header("Via") is None
    assert [via.host for via in first.vias] == ["one"]
    assert [via.host for via in second.vias] == ["two", "one"]
    assert second.encode().startswith(b"ACK sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP two\r\n")


def test_a_header_that_was_not_given_is_malformed_when_it_is_read():
    bare = Request.build("ACK", "sip:a@b", [])
    for read in ("via", "from_", "to", "call_id", "cseq"):
        with pytest.raises(MalformedMessage) as caught:
            getattr(bare, read)
        assert caught.value.answer() is None


@pytest.mark.parametrize("value", ["x\r\nEvil: 1", "x\n", "x\r", "\r\n"])
def test_a_line_break_is_never_sent(value):
    request = Request.build("OPTIONS", "sip:a@b", [("Subject", value)])
    with pytest.raises(ValueError, match="line break"):
        request.encode()
    with pytest.raises(ValueError, match="line break"):
        invite().response(200, value).encode()
    with pytest.raises(ValueError, match="line break"):
        invite().response(200, to_tag=value).encode()


@pytest.mark.parametrize(
    ("method", "target", "name"),
    [
        ("OPT IONS", "sip:a@b", "X"),
        ("OPTIONS", "sip:a b", "X"),
        ("OPTIONS", "", "X"),
        ("OPTIONS", "sip:a@b", "X Y"),
        ("OPTIONS", "sip:a@b", "X:"),
    ],
)
def test_what_no_one_could_parse_is_not_built(method, target, name):
    with pytest.raises(ValueError, match="expected"):
        Request.build(method, target, [(name, "1")])


def test_messages_are_compared_by_value_and_shown_without_their_secrets():
    request = invite(b"Timestamp: 54", b'Authorization: Digest response="secret"')
    assert request == invite(b"Timestamp: 54", b'Authorization: Digest response="secret"')
    assert request != invite()
    assert request.response(200) == request.response(200)
    assert request.response(200) != request.response(180)
    assert request != request.response(200)
    assert repr(request) == "<Request INVITE 'sip:service@example.com' 'c1'>"
    assert repr(request.response(200)) == "<Response 200 '7 INVITE' 'c1'>"
    assert "secret" not in repr(request.authorization())


@pytest.mark.parametrize(
    ("rows", "uri"),
    [
        ([], None),
        (["*"], None),
        (['"B, C" <sip:b@c:5070;transport=tcp>;expires=5'], "sip:b@c:5070;transport=tcp"),
        (["sip:b@c;q=0.5"], "sip:b@c"),
        (["<sip:b@c>, <sip:d@e>"], "sip:b@c"),
        (["<sip:b@c>", "<sip:d@e>"], "sip:b@c"),
        ([f"<sip:{'b' * 300}@c>"], f"sip:{'b' * 300}@c"),
    ],
)
def test_the_first_contact_says_where_its_sender_is(rows, uri):
    request = Request.build("INVITE", "sip:a@b", [("Contact", row) for row in rows])
    assert request.contact_uri == uri


def test_a_contact_that_cannot_be_read_is_named():
    request = Request.build("INVITE", "sip:a@b", [("Contact", "<sip:b@c")])
    with pytest.raises(MalformedMessage) as caught:
        _ = request.contact_uri
    assert caught.value.header == "Contact"


@pytest.mark.parametrize(
    ("via", "port"),
    [
        ("SIP/2.0/UDP a;branch=z9hG4bK1;rport", None),
        ("SIP/2.0/UDP a;rport;branch=z9hG4bK1", None),
        ("SIP/2.0/UDP a;branch=z9hG4bK1", 5060),
        ("SIP/2.0/UDP a:5070;branch=z9hG4bK1", 5070),
    ],
)
def test_responses_go_to_the_port_it_came_from_or_the_one_that_its_via_says(via, port):
    request = Request.build("OPTIONS", "sip:a@b", [("Via", via)])
    assert request.answer_port == port
    request.stamp_received("192.0.2.1", 40000)
    assert request.answer_port == port
