"""Descriptions that are remembered are read as those that are not."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from sip.offer_answer import Local, accept_answer, answer, make_offer
from sip.sdp import SdpError, Session, parse

NUMBERS = st.sampled_from(
    ["0", "7", "007", "65535", "65536", "99999", "-1", "x", "9" * 18, "9" * 30]
)
LINES = st.sampled_from(
    [
        "s=-",
        "c=IN IP4 192.0.2.1",
        "c=IN IP6 2001:db8::1",
        "c=IN IP4 phone.example.com",
        "t=0 0",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=fmtp:7 x",
        "a=sendonly",
        "a=inactive",
        "a=ptime:30",
        "a=rtcp:4001",
        "a=",
        "m=audio 5000 RTP/AVP 0",
        "m=video 0 RTP/AVP 99",
        "",
        "\nm=audio 1 RTP/AVP 0",
        "nonsense",
        "i=\xe9",
    ]
)
DESCRIPTIONS = st.builds(
    lambda user, one, two, head, port, formats, tail: "\r\n".join(
        ["v=0", f"o={user} {one} {two} IN IP4 192.0.2.1", *head, f"m=audio {port} {formats}", *tail]
    ),
    st.sampled_from(["-", "anna", "a b", "0"]),
    NUMBERS,
    NUMBERS,
    st.lists(LINES, max_size=4),
    NUMBERS,
    st.sampled_from(["RTP/AVP 0 8 101", " RTP/AVP 0", "RTP/AVP", "RTP/AVP 101\t8 "]),
    st.lists(LINES, max_size=6),
)


@given(DESCRIPTIONS, st.sampled_from(["", "\r\n", "\r\n\r\n"]))
def test_a_usual_description_says_what_it_says_without_its_memory(text, end):
    said = read((text + end).encode("latin-1"))

    # Line feeds alone are understood, but not remembered.
    assert said == read((text + end).replace("\r\n", "\n").encode("latin-1"))


@given(DESCRIPTIONS)
def test_what_is_read_is_written_back(text):
    data = (text + "\r\n").encode("latin-1")
    said = read(data)

    written = re.sub(rb"(\r\n)+\Z", b"\r\n", data.replace(b"\r\n\n", b"\r\n\r\n"))
    assert isinstance(said, str) or said.encode() == written


def read(data: bytes) -> Session | str:
    try:
        return parse(data)
    except SdpError as error:
        return str(error)


LOCALS = st.builds(
    Local,
    st.sampled_from(["192.0.2.200", "2001:db8::200"]),
    st.integers(1024, 65534),
    st.sampled_from([("PCMU", "PCMA", "G722"), ("PCMA",)]),
    st.sampled_from([101, 96, None]),
)


@given(DESCRIPTIONS, LOCALS, st.sampled_from(["sendrecv", "sendonly"]), st.integers(1, 10**12))
def test_a_usual_offer_is_answered_as_it_is_without_its_memory(text, local, direction, number):
    def answered(line_end: str) -> object:
        offer = (text + "\r\n").replace("\r\n", line_end).encode("latin-1")
        try:
            return answer(offer, local, session_id=number, version=7, direction=direction)
        except SdpError as error:
            return str(error)

    assert answered("\r\n") == answered("\n")


@given(DESCRIPTIONS, LOCALS)
def test_a_usual_answer_is_taken_as_it_is_without_its_memory(text, local):
    def taken(line_end: str) -> object:
        offer = make_offer(local, session_id=1, version=1)
        answer = (text + "\r\n").replace("\r\n", line_end).encode("latin-1")
        try:
            return accept_answer(offer, answer)
        except SdpError as error:
            return str(error)

    assert taken("\r\n") == taken("\n")
