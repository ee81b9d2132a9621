from __future__ import annotations

import pytest

from sip.offer_answer import (
    Local,
    Negotiated,
    NoCommonCodec,
    OtherFamily,
    accept_answer,
    answer,
    awaits_ipv6,
    make_offer,
)
from sip.sdp import SdpError, parse

OURS = Local("192.0.2.10", 20000)
HEAD = "v=0\r\no=bob 7 9 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
AUDIO = "m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"


def test_a_phone_is_answered_with_its_first_codec_that_we_have():
    reply, negotiated = answer_to(AUDIO)

    assert negotiated == Negotiated(
        remote_address="192.0.2.1",
        remote_port=4000,
        codec="PCMA",
        payload_type=8,
        telephone_event=101,
        ptime=20,
        direction="sendrecv",
        remote_rtcp_port=None,
        heard_telephone_event=101,
    )
    assert parse(reply).media[0].formats == ("8", "101")
    assert parse(reply).media[0].port == 20000
    assert b"o=- 3 1 IN IP4 192.0.2.10\r\n" in reply


def test_codecs_we_do_not_have_are_passed_over():
    _, negotiated = answer_to("m=audio 4000 RTP/AVP 3 18 96 0\r\na=rtpmap:96 opus/48000/2\r\n")

    assert (negotiated.codec, negotiated.payload_type) == ("PCMU", 0)


@pytest.mark.parametrize("named", ["", "a=rtpmap:9 G722/8000\r\n", "a=rtpmap:9 g722/8000/1\r\n"])
def test_a_phone_that_prefers_g722_is_answered_with_it(named: str):
    reply, negotiated = answer_to(f"m=audio 4000 RTP/AVP 9 0\r\n{named}")

    assert (negotiated.codec, negotiated.payload_type) == ("G722", 9)
    assert b"a=rtpmap:9 G722/8000\r\n" in reply


def test_a_g722_of_another_clock_rate_is_not_ours():
    _, negotiated = answer_to("m=audio 4000 RTP/AVP 96 0\r\na=rtpmap:96 G722/16000\r\n")

    assert negotiated.codec == "PCMU"


def test_the_caller_of_answer_may_narrow_the_codecs():
    _, negotiated = answer_to(AUDIO, Local("192.0.2.10", 20000, ("PCMU",)))

    assert negotiated.codec == "PCMU"


def test_payload_types_are_those_of_the_offer():
    text = (
        "m=audio 4000 RTP/AVP 97 96\r\n"
        "a=rtpmap:96 telephone-event/8000\r\na=rtpmap:97 pcma/8000/1\r\na=fmtp:96 0-16\r\n"
    )

    reply, negotiated = answer_to(text)

    assert (negotiated.codec, negotiated.payload_type) == ("PCMA", 97)
    assert (negotiated.telephone_event, negotiated.heard_telephone_event) == (96, 96)
    assert parse(reply).media[0].formats == ("97", "96")


def test_a_telephone_event_of_another_clock_rate_does_not_count():
    text = "m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/48000\r\n"

    assert answer_to(text)[1].telephone_event is None


def test_without_telephone_event_in_the_offer_there_is_none_in_the_answer():
    reply, negotiated = answer_to("m=audio 4000 RTP/AVP 0\r\n")

    assert negotiated.telephone_event is None
    assert b"telephone-event" not in reply


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("m=audio 4000 RTP/AVP 18\r\n", id="G.729 alone"),
        pytest.param("m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/16000\r\n", id="clock rate"),
        pytest.param("m=audio 4000 RTP/SAVP 0\r\n", id="encrypted"),
        pytest.param("m=audio 0 RTP/AVP 0\r\n", id="taken away"),
        pytest.param("m=video 4000 RTP/AVP 0\r\n", id="no audio"),
        pytest.param("", id="no media"),
    ],
)
def test_without_a_common_codec_the_offer_is_not_acceptable(text: str):
    with pytest.raises(NoCommonCodec) as caught:
        answer_to(text)

    assert caught.value.status == 488


def test_an_audio_stream_without_an_address_is_refused():
    with pytest.raises(SdpError) as caught:
        answer((HEAD.replace("c=IN IP4 192.0.2.1\r\n", "") + AUDIO).encode(), OURS, **NUMBERS)

    assert caught.value.status == 400


def test_further_streams_are_refused_in_their_places():
    text = (
        "m=video 6000 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n"
        + AUDIO
        + "m=audio 4002 RTP/AVP 0\r\nm=application 9 UDP/BFCP *\r\n"
    )

    reply, negotiated = answer_to(text)

    assert [(media.kind, media.port) for media in parse(reply).media] == [
        ("video", 0),
        ("audio", 20000),
        ("audio", 0),
        ("application", 0),
    ]
    assert parse(reply).media[3].formats == ("*",)
    assert negotiated.remote_port == 4000


def test_the_time_line_of_the_offer_comes_back():
    offer = (HEAD.replace("t=0 0", "t=3034423619 3042462419") + AUDIO).encode()

    reply, _ = answer(offer, OURS, **NUMBERS)

    assert b"t=3034423619 3042462419\r\n" in reply


def test_an_ipv6_phone_is_answered_from_an_ipv6_address():
    text = AUDIO + "c=IN IP6 2001:db8::5\r\n"

    reply, negotiated = answer_to(text, Local("2001:db8::1", 20000))

    assert negotiated.remote_address == "2001:db8::5"
    assert b"c=IN IP6 2001:db8::1\r\n" in reply


IP6 = "c=IN IP6 2001:db8::5\r\n"
TWICE = AUDIO + "m=audio 4002 RTP/AVP 0\r\n" + IP6


def test_of_two_streams_the_one_of_our_family_is_taken():
    _, by_ipv4 = answer_to(TWICE)
    _, by_ipv6 = answer_to(TWICE, Local("2001:db8::1", 20000))

    assert (by_ipv4.remote_address, by_ipv4.remote_port) == ("192.0.2.1", 4000)
    assert (by_ipv6.remote_address, by_ipv6.remote_port) == ("2001:db8::5", 4002)


def test_audio_of_the_other_family_is_not_acceptable():
    offer = make_offer(OURS, session_id=3, version=1)

    with pytest.raises(OtherFamily) as caught:
        answer_to(AUDIO + IP6)
    with pytest.raises(OtherFamily):
        accept_answer(offer, (HEAD + AUDIO + IP6).encode())

    assert str(caught.value) == "488 expected audio at an address of IP4"


def test_the_old_hold_is_understood_in_ipv6_too():
    _, negotiated = answer_to(AUDIO + "c=IN IP4 0.0.0.0\r\n", Local("2001:db8::1", 20000))

    assert not negotiated.may_send


@pytest.mark.parametrize(
    ("text", "six"),
    [
        (AUDIO, False),
        (AUDIO + IP6, True),
        (TWICE, False),
        ("m=audio 0 RTP/AVP 0\r\n" + AUDIO + IP6, True),
        ("m=video 4000 RTP/AVP 99\r\n", None),
        ("nonsense", None),
    ],
)
def test_an_offer_says_at_which_family_audio_is_awaited(text: str, six: bool | None):
    assert awaits_ipv6((HEAD + text).encode()) is six


def test_no_offer_says_nothing_about_a_family():
    assert awaits_ipv6(b"") is None


@pytest.mark.parametrize(
    ("theirs", "wanted", "ours"),
    [
        ("sendrecv", "sendrecv", "sendrecv"),
        ("sendonly", "sendrecv", "recvonly"),
        ("recvonly", "sendrecv", "sendonly"),
        ("inactive", "sendrecv", "inactive"),
        ("sendrecv", "sendonly", "sendonly"),
        ("sendonly", "sendonly", "inactive"),
        ("recvonly", "inactive", "inactive"),
    ],
)
def test_the_answer_says_what_the_offer_leaves_of_our_wish(theirs: str, wanted: str, ours: str):
    offer = (HEAD + AUDIO + f"a={theirs}\r\n").encode()

    reply, negotiated = answer(offer, OURS, **NUMBERS, direction=wanted)

    assert negotiated.direction == ours
    assert parse(reply).media[0].direction == ours


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("sendrecv", "recvonly"), ("recvonly", "inactive"), ("inactive", "inactive")],
)
def test_the_old_hold_by_the_unspecified_address_silences_us(theirs: str, ours: str):
    _, negotiated = answer_to(AUDIO + f"c=IN IP4 0.0.0.0\r\na={theirs}\r\n")

    assert negotiated.direction == ours
    assert not negotiated.may_send


def test_a_late_offer_of_ours_is_completed_by_the_answer_in_the_ack():
    offer = make_offer(OURS, session_id=3, version=1)

    negotiated = accept_answer(offer, (HEAD + "m=audio 4000 RTP/AVP 0\r\n").encode())

    assert parse(offer).media[0].formats == ("0", "8", "9", "101")
    assert (negotiated.codec, negotiated.payload_type) == ("PCMU", 0)
    assert negotiated.telephone_event is None
    assert negotiated.heard_telephone_event is None


def test_our_hold_is_answered_by_listening():
    offer = make_offer(OURS, session_id=3, version=2, direction="sendonly")

    negotiated = accept_answer(offer, (HEAD + AUDIO + "a=recvonly\r\n").encode())

    assert negotiated.direction == "sendonly"


def test_an_answer_cannot_take_more_than_was_offered():
    offer = make_offer(OURS, session_id=3, version=2, direction="inactive")

    assert accept_answer(offer, (HEAD + AUDIO).encode()).direction == "inactive"


def test_an_answer_that_renumbers_telephone_event_is_sent_its_number_and_heard_by_ours():
    text = "m=audio 4000 RTP/AVP 0 96\r\na=rtpmap:96 telephone-event/8000\r\n"

    negotiated = accept_answer(make_offer(OURS, session_id=3, version=1), (HEAD + text).encode())

    assert (negotiated.telephone_event, negotiated.heard_telephone_event) == (96, 101)


@pytest.mark.parametrize("text", ["m=audio 0 RTP/AVP 0\r\n", "m=audio 4000 RTP/AVP 18\r\n"])
def test_an_answer_that_refuses_our_stream_is_no_agreement(text: str):
    with pytest.raises(NoCommonCodec):
        accept_answer(make_offer(OURS, session_id=3, version=1), (HEAD + text).encode())


def test_an_answer_with_a_codec_that_was_not_offered_is_no_agreement():
    offer = make_offer(Local("192.0.2.10", 20000, ("PCMA",)), session_id=3, version=1)

    with pytest.raises(NoCommonCodec):
        accept_answer(offer, (HEAD + "m=audio 4000 RTP/AVP 0\r\n").encode())


def test_an_answer_with_another_number_of_streams_is_refused():
    offer = make_offer(OURS, session_id=3, version=1)

    with pytest.raises(SdpError) as caught:
        accept_answer(offer, (HEAD + AUDIO + AUDIO).encode())

    assert caught.value.status == 488


def test_a_further_offer_keeps_refused_streams_and_the_number_of_telephone_event():
    first, _ = answer_to(
        "m=video 6000 RTP/AVP 99\r\n"
        "m=audio 4000 RTP/AVP 0 96\r\na=rtpmap:96 telephone-event/8000\r\n"
    )

    offer = make_offer(OURS, session_id=3, version=2, previous=first)

    streams = parse(offer).media
    assert [(media.kind, media.port) for media in streams] == [("video", 0), ("audio", 20000)]
    assert streams[1].formats == ("0", "8", "9", "96")
    text = "m=video 0 RTP/AVP 99\r\n" + AUDIO.replace("101", "96")
    assert accept_answer(offer, (HEAD + text).encode()).remote_port == 4000


NUMBERS = {"session_id": 3, "version": 1}


def answer_to(text: str, local: Local = OURS) -> tuple[bytes, Negotiated]:
    return answer((HEAD + text).encode(), local, **NUMBERS)
