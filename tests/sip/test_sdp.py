from __future__ import annotations

import pytest

from sip.sdp import MAXIMUM_MEDIA, RtpMap, SdpError, parse

HEAD = "v=0\r\no=- 7 9 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
AUDIO = "m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"


def test_a_description_is_read_into_typed_values():
    session = parse((HEAD + AUDIO + "a=ptime:30\r\na=rtcp:4101 IN IP4 192.0.2.9\r\n").encode())

    audio = session.media[0]
    assert (session.session_id, session.version) == (7, 9)
    assert (audio.kind, audio.port, audio.protocol) == ("audio", 4000, "RTP/AVP")
    assert audio.formats == ("0", "101")
    assert audio.address == "192.0.2.1"
    assert audio.rtpmaps == {101: RtpMap(101, "TELEPHONE-EVENT", 8000)}
    assert (audio.ptime, audio.rtcp_port, audio.direction) == (30, 4101, "sendrecv")


def test_what_is_read_is_written_back_unchanged():
    text = HEAD + "b=AS:64\r\na=X-unknown: as it is \r\n" + AUDIO + "i=caf\xe9\r\nz=0\r\n"

    session = parse(text.encode())

    assert session.encode() == text.encode()
    assert parse(session.encode()) == session


def test_bytes_that_are_no_utf_8_are_written_back_unchanged():
    data = HEAD.encode() + b"i=\xff\xfe\r\n" + AUDIO.encode()

    assert parse(data).encode() == data


def test_line_feeds_alone_and_a_missing_last_line_end_are_understood():
    session = parse((HEAD + AUDIO).replace("\r\n", "\n").rstrip().encode())

    assert session.encode() == (HEAD + AUDIO).encode()


def test_a_media_address_and_direction_go_before_those_of_the_session():
    text = HEAD + "a=inactive\r\n" + AUDIO + "c=IN IP6 2001:DB8::1\r\na=sendonly\r\n"

    audio = parse(text.encode()).media[0]

    assert audio.address == "2001:db8::1"
    assert audio.direction == "sendonly"


def test_the_direction_of_the_session_holds_where_the_media_has_none():
    assert parse((HEAD + "a=inactive\r\n" + AUDIO).encode()).media[0].direction == "inactive"


def test_an_ipv4_address_in_the_clothes_of_ipv6_is_normalised():
    text = HEAD + AUDIO + "c=IN IP6 ::ffff:192.0.2.7\r\n"

    assert parse(text.encode()).media[0].address == "192.0.2.7"


@pytest.mark.parametrize("address", ["IP4 0.0.0.0", "IP6 ::"])
def test_the_unspecified_address_is_a_hold(address: str):
    assert parse((HEAD + AUDIO + f"c=IN {address}\r\n").encode()).media[0].held


def test_as_many_m_lines_as_the_limit_are_read():
    assert len(parse((HEAD + AUDIO * MAXIMUM_MEDIA).encode()).media) == MAXIMUM_MEDIA


@pytest.mark.parametrize(
    ("text", "status"),
    [
        pytest.param(AUDIO.replace("4000", "70000"), 400, id="port 70000"),
        pytest.param(AUDIO.replace("4000", "-1"), 400, id="port -1"),
        pytest.param(AUDIO.replace("4000", "4_000"), 400, id="port with an underscore"),
        pytest.param(AUDIO.replace("4000", "٤٠٠٠"), 400, id="port in Arabic digits"),
        pytest.param(AUDIO.replace("4000", "4000/0"), 400, id="no ports at all"),
        pytest.param(AUDIO * 1000, 400, id="1000 m-lines"),
        pytest.param(AUDIO * 9, 488, id="9 m-lines"),
        pytest.param("m=audio 4000 RTP/AVP\r\n", 400, id="no format"),
        pytest.param("m=audio 4000 RTP/AVP" + " 0" * 65 + "\r\n", 400, id="65 formats"),
        pytest.param(AUDIO + "a=rtpmap:0 PCMU\r\n", 400, id="rtpmap without clock"),
        pytest.param(AUDIO + "a=rtpmap:0 PCMU/0\r\n", 400, id="rtpmap with clock 0"),
        pytest.param(AUDIO + "a=rtpmap:128 PCMU/8000\r\n", 400, id="rtpmap 128"),
        pytest.param(AUDIO + "a=fmtp:97 0-15\r\n", 400, id="fmtp of unknown format"),
        pytest.param(AUDIO + "a=\r\n", 400, id="empty attribute"),
        pytest.param(AUDIO + "a=ptime:0\r\n", 488, id="ptime 0"),
        pytest.param(AUDIO + "a=ptime:1000000000\r\n", 488, id="ptime 10^9"),
        pytest.param(AUDIO + "a=rtcp:0\r\n", 400, id="rtcp port 0"),
        pytest.param(AUDIO + "c=IN IP4 phone.example.com\r\n", 488, id="name"),
        pytest.param(AUDIO + "c=IN IP4 0x7f.1\r\n", 488, id="hexadecimal address"),
        pytest.param(AUDIO + f"c=IN IP4 {'1' * 300}\r\n", 400, id="address of 300"),
        pytest.param(AUDIO + "c=IN IP4 2001:db8::1\r\n", 400, id="family"),
        pytest.param(AUDIO + "c=IN IP6 fe80::1%eth0\r\n", 400, id="zone"),
        pytest.param(AUDIO + "c=IN IP4 224.2.1.1\r\n", 488, id="multicast"),
        pytest.param(AUDIO + "c=IN IP4\r\n", 400, id="no address"),
        pytest.param(AUDIO + "no type\r\n", 400, id="line without type"),
        pytest.param(AUDIO + "i=a\rb\r\n", 400, id="bare carriage return"),
        pytest.param(AUDIO + "i=\0\r\n", 400, id="NUL"),
        pytest.param(AUDIO + "i=-\r\n" * 600, 400, id="600 lines"),
        pytest.param(AUDIO + "i=" + "x" * 20_000, 400, id="20 kB"),
    ],
)
def test_a_hostile_description_has_a_typed_error(text: str, status: int):
    with pytest.raises(SdpError) as caught:
        parse((HEAD + text).encode())

    assert caught.value.status == status


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        b"v=1\r\n",
        b"o=- 1 1 IN IP4 x\r\nv=0\r\n",
        b"v=0\r\n",
        b"v=0\r\no=- a 1 IN IP4 x",
    ],
)
def test_a_description_without_its_beginning_is_refused(data: bytes):
    with pytest.raises(SdpError) as caught:
        parse(data)

    assert caught.value.status == 400
    assert "expected" in str(caught.value)
