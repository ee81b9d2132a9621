"""A byte stream gives the same messages however it is cut (RFC 3261 §18.3; P04, T10)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.transport.framing import BODY_LIMIT, HEAD_LIMIT, KEEP_ALIVE, Framer, FramingError

NAMES = st.sampled_from(["Content-Length", "content-length", "l", "L", "CONTENT-LENGTH "])


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    body = draw(st.binary(max_size=60))
    name = draw(NAMES)
    space = draw(st.sampled_from(["", " ", "\t"]))
    head = f"INFO sip:a SIP/2.0\r\nCall-ID: x\r\n{name}:{space}{len(body)}\r\n\r\n"
    return head.encode() + body


@given(
    st.lists(st.one_of(messages(), st.just(KEEP_ALIVE)), max_size=6),
    st.lists(st.integers(1, 40), max_size=80),
)
def test_any_cut_gives_the_same_messages(whole, cuts):
    stream = b"".join(whole)
    framer, found, at = Framer(), [], 0
    for cut in [*cuts, len(stream)]:
        found.extend(framer.feed(stream[at : at + cut]))
        at += cut
    found.extend(framer.feed(stream[at:]))
    assert found == whole
    assert not framer.pending


@given(messages())
def test_a_byte_at_a_time(message):
    framer = Framer()
    found = [one for byte in message for one in framer.feed(bytes([byte]))]
    assert found == [message]


@given(st.binary(max_size=400))
def test_garbage_is_refused_or_waits_for_more_and_never_anything_else(data):
    framer = Framer()
    try:
        framer.feed(data)
    except FramingError:
        return
    assert framer.pending <= bool(data)


@pytest.mark.parametrize(
    "lines",
    [
        "",
        "Content-Length: x",
        "Content-Length: -1",
        "Content-Length: +1",
        "Content-Length: 1\r\nl: 2",
        f"Content-Length: {BODY_LIMIT + 1}",
        "Content-Length: ٣",
    ],
)
def test_a_stream_that_cannot_be_cut_is_given_up(lines):
    head = f"INFO sip:a SIP/2.0\r\n{lines}".encode()
    with pytest.raises(FramingError, match="Content-Length") as caught:
        Framer().feed(head + b"\r\n\r\n")
    assert (caught.value.status, caught.value.head) == (400, head.removesuffix(b"\r\n"))


def test_headers_without_end_are_given_up_before_they_fill_the_memory():
    framer = Framer()
    for _ in range(HEAD_LIMIT // 1000):
        assert framer.feed(b"X: " + b"y" * 996 + b"\r") == []
    with pytest.raises(FramingError, match="headers") as caught:
        framer.feed(b"z" * 1000)
    assert caught.value.status == 513
    assert len(caught.value.head) == HEAD_LIMIT


def test_the_same_length_twice_is_no_contradiction():
    message = b"INFO sip:a SIP/2.0\r\nl: 1\r\nContent-Length: 1\r\n\r\nz"
    assert Framer().feed(message) == [message]
