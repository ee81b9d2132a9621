from __future__ import annotations

import pytest

from sip.message import MalformedMessage, Peek, content_length, parse, peek_request, refuse

INVITE = (
    b"INVITE sip:service@example.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.7;rport;branch=z9hG4bKa\r\n"
    b"Max-Forwards: 70\r\n"
    b'From: "Alice" <sip:alice@example.com>;tag=a\r\n'
    b"To: <sip:service@example.com>\r\n"
    b"Call-ID: c1\r\n"
    b"CSeq: 7 INVITE\r\n"
    b"Content-Length: 4\r\n\r\nv=0\n"
)


def test_the_first_look_at_an_invite():
    assert peek_request(INVITE) == Peek("INVITE", True, "z9hG4bKa")


@pytest.mark.parametrize(
    ("to", "initial"),
    [
        (b"To: <sip:service@example.com>;tag=x", False),
        (b"to  :\t<sip:service@example.com> ; TAG = x", False),
        (b"t: sip:service@example.com;tag=x", False),
        (b"T:\r\n sip:service@example.com\r\n ;tag=x", False),
        (b"To: <sip:service@example.com;tag=x>", True),
        (b'To: "a;tag=x" <sip:service@example.com>', True),
        (b"To: <sip:service@example.com>;stag=x", True),
    ],
)
def test_a_to_tag_is_seen_however_it_is_written(to, initial):
    data = INVITE.replace(b"To: <sip:service@example.com>", to)
    assert peek_request(data).is_initial == initial
    assert (parse(data).to.tag is None) == initial


@pytest.mark.parametrize(
    ("via", "branch"),
    [
        (b"v:SIP/2.0/UDP a;branch=b", "b"),
        (b"VIA: SIP/2.0/UDP a ; Branch = b ;x", "b"),
        (b"Via: SIP/2.0/UDP a\r\n ;branch=b", "b"),
        (b"Via: SIP/2.0/UDP a;branch=b, SIP/2.0/UDP c;branch=d", "b"),
        (b"Via: SIP/2.0/UDP a", ""),
    ],
)
def test_the_branch_is_the_top_vias(via, branch):
    data = INVITE.replace(b"Via: SIP/2.0/UDP 192.0.2.7;rport;branch=z9hG4bKa", via)
    assert peek_request(data).branch == branch
    assert parse(data).branch == branch


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"a" * 65507,
        b"SIP/2.0 200 OK\r\nVia: a\r\nTo: b\r\n\r\n",
        INVITE.replace(b"Via", b"Vio"),
        INVITE.replace(b"To", b"Toe"),
        INVITE.partition(b"\r\n\r\n")[0],
    ],
)
def test_what_is_no_request_is_none(data):
    assert peek_request(data) is None


def test_headers_are_not_looked_for_in_the_body():
    data = INVITE.replace(b"To: <sip:service@example.com>\r\n", b"") + b"\r\nTo: <sip:x>\r\n"
    assert peek_request(data) is None


def test_a_refusal_is_a_whole_response():
    response = parse(refuse(INVITE, retry_after=5))
    assert (response.status, response.reason) == (503, "Service Unavailable")
    assert response.header("Retry-After") == "5"
    assert response.via == parse(INVITE).via
    assert response.from_ == parse(INVITE).from_
    assert response.call_id == "c1"
    assert response.cseq == parse(INVITE).cseq
    assert response.to.uri == parse(INVITE).to.uri


def test_a_retransmission_is_refused_with_the_same_tag_and_another_request_is_not():
    other = INVITE.replace(b"z9hG4bKa", b"z9hG4bKb")
    assert refuse(INVITE) == refuse(INVITE)
    assert parse(refuse(INVITE)).to.tag
    assert parse(refuse(INVITE)).to.tag != parse(refuse(other)).to.tag


def test_a_tag_that_is_there_stays():
    data = INVITE.replace(b"To: <sip:service@example.com>", b"t: <sip:service@example.com>;tag=x")
    assert parse(refuse(data, 481)).to.tag == "x"


def test_the_source_is_stamped_into_a_refusal():
    via = parse(refuse(INVITE, source=("203.0.113.9", 40000))).via
    assert (via.received, via.rport) == ("203.0.113.9", 40000)


def test_all_vias_come_back_in_their_order():
    data = INVITE.replace(
        b"Via: ", b"v: SIP/2.0/UDP p1;branch=z9hG4bK1, SIP/2.0/TCP p2\r\nVIA:\r\n "
    )
    response = parse(refuse(data, source=("203.0.113.9", 40000)))
    assert [via.host for via in response.vias] == ["p1", "p2", "192.0.2.7"]
    assert [via.received for via in response.vias] == ["203.0.113.9", None, None]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        b"a" * 65507,
        b"\0" * 70000,
        INVITE.replace(b"INVITE", b"ACK"),
        INVITE.replace(b"INVITE sip:service@example.com SIP/2.0", b"SIP/2.0 200 OK"),
        INVITE.replace(b"Via", b"Vio"),
        INVITE.replace(b"From", b"Form"),
        INVITE.replace(b"Call-ID: c1", b"Call-ID:"),
        INVITE.replace(b"c1", b"c\n1"),
        INVITE.replace(b"c1", b"c\r1"),
        INVITE.replace(b"c1", b"c\x001"),
    ],
)
def test_what_cannot_be_answered_is_not(data):
    assert refuse(data) is None


def test_a_refusal_is_no_longer_than_what_it_refuses_and_a_little():
    data = INVITE.replace(b"c1", b"c" * 60000)
    assert len(refuse(data)) < len(data) + 200


@pytest.mark.parametrize(
    ("line", "length"),
    [
        (b"", None),
        (b"\r\nContent-Length: 12", 12),
        (b"\r\nl:12", 12),
        (b"\r\nCONTENT-LENGTH \t:\r\n 0012 ", 12),
        (b"\r\nX-Content-Length: 12", None),
    ],
)
def test_the_length_for_cutting_a_stream(line, length):
    assert content_length(b"INVITE sip:a SIP/2.0" + line) == length


@pytest.mark.parametrize(
    "line",
    [
        b"\r\nl: -1",
        b"\r\nl: +1",
        b"\r\nl:",
        b"\r\nl: 1 2",
        b"\r\nl: 2147483648",
        b"\r\nl: 1\r\nContent-Length: 1",
        b"\r\nl: \xb2",
    ],
)
def test_a_stream_that_cannot_be_cut(line):
    with pytest.raises(MalformedMessage):
        content_length(b"INVITE sip:a SIP/2.0" + line)
