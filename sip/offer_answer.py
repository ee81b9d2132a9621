"""Offer and answer (RFC 3264): one audio stream, G.711 or G.722, with telephone-event (RFC 4733).

Pure functions from bytes to bytes and a `Negotiated`.  Whoever calls keeps the last description
it sent: a further offer needs it, for m-lines may not be taken away (RFC 3264 §8).
"""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from sip.message.grammar import parse_uint
from sip.sdp import (
    REMEMBERED,
    Media,
    SdpError,
    Session,
    Shape,
    described,
    parse,
    usual_numbers,
)

_STATIC = {0: "PCMU", 8: "PCMA", 9: "G722"}
_PAYLOAD_TYPE = {name: number for number, name in _STATIC.items()}
_PROTOCOLS = frozenset({"RTP/AVP", "RTP/AVPF"})
_TELEPHONE_EVENT = "TELEPHONE-EVENT"
_CLOCK_RATE = 8000
"""Of G.722 as well, though it is audio of 16 kHz (RFC 3551 §4.5.2)."""

_MIRRORED = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
}


class NoCommonCodec(SdpError):
    """The other side offers, or answers, no audio that we could talk to."""

    def __init__(self, reason: str = "no codec in common") -> None:
        super().__init__(488, reason)


class OtherFamily(SdpError):
    """The other side awaits its audio at an address of the family that we are not at."""

    def __init__(self, ours: str) -> None:
        family = "IP6" if ":" in ours else "IP4"
        super().__init__(488, f"expected audio at an address of {family}")


class Local(Struct, frozen=True):
    """Our end of the audio: a literal address, the even RTP port, codecs by preference, and the
    payload type we propose for telephone-event (None: not offered)."""

    address: str
    port: int
    codecs: tuple[str, ...] = ("PCMU", "PCMA", "G722")
    telephone_event: int | None = 101


class Negotiated(Struct, frozen=True, gc=False):
    """What both sides agreed on, as seen from ours."""

    remote_address: str
    remote_port: int
    codec: str
    """``PCMU``, ``PCMA`` or ``G722``."""
    payload_type: int
    """The number we send `codec` with."""
    telephone_event: int | None
    """The number we send telephone-event with; None if the other side does not take it."""
    ptime: int
    """Milliseconds a packet the other side would like; 20 unless it says otherwise."""
    direction: str
    """Ours: ``sendrecv``, ``sendonly``, ``recvonly`` or ``inactive``."""
    remote_rtcp_port: int | None
    """None stands for ``remote_port + 1``."""
    heard_telephone_event: int | None = None
    """The number telephone-event comes with.  It differs from the other one only if an answer
    renumbers what we offered, against the advice of RFC 3264 §6.1."""

    @property
    def may_send(self) -> bool:
        return self.direction in ("sendrecv", "sendonly")


def awaits_ipv6(description: bytes) -> bool | None:
    """The family of the addresses at which audio is awaited: our end should be at one of it.

    None if the description, which may be empty, does not say: it has no audio or is unsound.
    """
    if not description:
        return None
    usual = usual_numbers(description)
    if usual is not None and usual[3]:
        return _usual_family(usual[0])
    return _awaits_ipv6(description)


def _awaits_ipv6(description: bytes) -> bool | None:
    try:
        session = parse(description)
    except SdpError:
        return None
    for media in session.media:
        if media.kind == "audio" and media.port and media.address is not None:
            return ":" in media.address
    return None


def make_offer(
    local: Local,
    *,
    session_id: int,
    version: int,
    direction: str = "sendrecv",
    previous: bytes | None = None,
) -> bytes:
    """An offer.  `previous` is our last description in the same dialog: its further m-lines stay,
    refused, and its telephone-event keeps its number (RFC 3264 §8.3.2)."""
    if previous is not None:
        return _make_offer(local, session_id, version, direction, previous)
    shape = _usual_offer(local.address, local.codecs, local.telephone_event, direction)
    return described(shape, session_id, version, local.port)


def _make_offer(
    local: Local, session_id: int, version: int, direction: str, previous: bytes | None
) -> bytes:
    telephone_event = local.telephone_event
    audio_lines: list[str] | None = None
    sections: list[list[str]] = []
    if previous is not None:
        for media in parse(previous).media:
            if audio_lines is None and media.kind == "audio" and media.port:
                audio_lines = []
                sections.append(audio_lines)
                known = _telephone_event(media)
                telephone_event = telephone_event if known is None else known
            else:
                sections.append([_refusal(media)])
    if audio_lines is None:
        audio_lines = []
        sections.append(audio_lines)
    formats = [(_PAYLOAD_TYPE[codec], codec) for codec in local.codecs]
    audio_lines += _audio(local, "RTP/AVP", formats, telephone_event, direction)
    return _describe(local, session_id, version, ["t=0 0"], sections)


def answer(
    offer: bytes, local: Local, *, session_id: int, version: int, direction: str = "sendrecv"
) -> tuple[bytes, Negotiated]:
    """Our answer, and what follows from it.  `direction` is what we would like; the answer says
    what of it the offer leaves.  Raises SdpError; if there is nothing to share, NoCommonCodec or
    OtherFamily.

    The first audio stream we can serve is taken, with the first codec *of the offer* that we
    have (RFC 3264 §6.1); every other stream is refused with port 0.
    """
    usual = usual_numbers(offer)
    if usual is None or not usual[3]:
        return _answer(offer, local, session_id, version, direction)
    shape, _, _, port = usual
    ours, negotiated = _usual_answer(
        shape, local.address, local.codecs, local.telephone_event, direction
    )
    return described(ours, session_id, version, local.port), replace(negotiated, remote_port=port)


def _answer(
    offer: bytes, local: Local, session_id: int, version: int, direction: str
) -> tuple[bytes, Negotiated]:
    offered = parse(offer)
    chosen, payload_type, codec = _choose(offered, local)
    media = offered.media[chosen]
    telephone_event = None if local.telephone_event is None else _telephone_event(media)
    ours = _meet(direction, _MIRRORED[_effective_direction(media)])
    audio = _audio(local, media.protocol, [(payload_type, codec)], telephone_event, ours)
    sections = [
        audio if index == chosen else [_refusal(other)] for index, other in enumerate(offered.media)
    ]
    # RFC 3264 §6: the t-line of the answer is that of the offer.
    times = [f"t={value}" for value in offered.values("t")[:1]] or ["t=0 0"]
    description = _describe(local, session_id, version, times, sections)
    return description, _negotiated(media, payload_type, codec, telephone_event, ours)


def accept_answer(our_offer: bytes, answer: bytes) -> Negotiated:
    """What `answer` makes of `our_offer`.  Raises SdpError; NoCommonCodec if our stream was
    refused or answered with nothing that we offered, OtherFamily if we could not send there."""
    ours, theirs = usual_numbers(our_offer), usual_numbers(answer)
    if ours is None or theirs is None or not (ours[3] and theirs[3]):
        return _accept_answer(our_offer, answer)
    return replace(_usual_acceptance(ours[0], theirs[0]), remote_port=theirs[3])


def _accept_answer(our_offer: bytes, answer: bytes) -> Negotiated:
    offered, answered = parse(our_offer), parse(answer)
    index, ours = _our_stream(offered)
    if len(answered.media) != len(offered.media):
        raise SdpError(488, "expected as many m-lines in the answer as in the offer")
    theirs = answered.media[index]
    found = _usable(theirs, tuple(codec for _, codec in _codecs(ours) if codec in _PAYLOAD_TYPE))
    if found is None:
        raise NoCommonCodec
    if not _same_family(theirs, ours.address):
        raise OtherFamily(ours.address or "")
    heard = _telephone_event(ours)
    sent = None if heard is None else _telephone_event(theirs)
    direction = _meet(ours.direction, _MIRRORED[_effective_direction(theirs)])
    payload_type, codec = found
    return _negotiated(
        theirs, payload_type, codec, sent, direction, None if sent is None else heard
    )


# Phones say the same in every call, but for numbers: what was negotiated for the shapes of
# descriptions is remembered, with port 1 in the place of theirs.  An SdpError is not remembered.


@lru_cache(REMEMBERED)
def _usual_family(shape: Shape) -> bool | None:
    return _awaits_ipv6(described(shape, 0, 0, 1))


@lru_cache(REMEMBERED)
def _usual_answer(
    offer: Shape, address: str, codecs: tuple[str, ...], telephone_event: int | None, direction: str
) -> tuple[Shape, Negotiated]:
    local = Local(address, 1, codecs, telephone_event)
    ours, negotiated = _answer(described(offer, 0, 0, 1), local, 0, 0, direction)
    usual = usual_numbers(ours)
    assert usual is not None  # one audio stream was offered
    return usual[0], negotiated


@lru_cache(REMEMBERED)
def _usual_acceptance(ours: Shape, theirs: Shape) -> Negotiated:
    return _accept_answer(described(ours, 0, 0, 1), described(theirs, 0, 0, 1))


@lru_cache(REMEMBERED)
def _usual_offer(
    address: str, codecs: tuple[str, ...], telephone_event: int | None, direction: str
) -> Shape:
    local = Local(address, 1, codecs, telephone_event)
    usual = usual_numbers(_make_offer(local, 0, 0, direction, None))
    assert usual is not None
    return usual[0]


def _our_stream(offered: Session) -> tuple[int, Media]:
    for index, media in enumerate(offered.media):
        if media.kind == "audio" and media.port:
            return index, media
    raise SdpError(488, "expected an audio stream in our own offer")


def _codec(media: Media, text: str) -> tuple[int, str] | None:
    """The payload type and encoding a format stands for, if it has our clock rate and is mono."""
    number = parse_uint(text, 127)
    if number is None:
        return None
    mapped = media.rtpmaps.get(number)
    if mapped is None:
        return (number, _STATIC[number]) if number in _STATIC else None
    if mapped.clock_rate != _CLOCK_RATE or mapped.channels != 1:
        return None
    return number, mapped.encoding


def _codecs(media: Media) -> list[tuple[int, str]]:
    return [known for text in media.formats if (known := _codec(media, text)) is not None]


def _choose(offered: Session, local: Local) -> tuple[int, int, str]:
    """The index of the stream to take, its payload type and codec."""
    elsewhere = False
    for index, media in enumerate(offered.media):
        found = _usable(media, local.codecs)
        if found is not None:
            if _same_family(media, local.address):
                return index, *found
            elsewhere = True
    raise OtherFamily(local.address) if elsewhere else NoCommonCodec


def _usable(media: Media, codecs: tuple[str, ...]) -> tuple[int, str] | None:
    """The payload type and codec to use, if `media` is audio we can serve."""
    if media.kind != "audio" or not media.port or media.protocol not in _PROTOCOLS:
        return None
    for payload_type, codec in _codecs(media):
        if codec in codecs:
            if media.address is None:
                raise SdpError(400, "expected a c-line for the audio")
            return payload_type, codec
    return None


def _same_family(media: Media, ours: str | None) -> bool:
    """The unspecified address of either family holds, and is sent nothing."""
    assert media.address is not None  # _usable saw to it
    return media.held or (":" in media.address) == (":" in (ours or ""))


def _telephone_event(media: Media) -> int | None:
    for payload_type, codec in _codecs(media):
        if codec == _TELEPHONE_EVENT:
            return payload_type
    return None


def _effective_direction(media: Media) -> str:
    """Theirs; an unspecified address takes their ear away, as phones of RFC 2543 hold."""
    return _meet(media.direction, "sendonly") if media.held else media.direction


def _meet(one: str, other: str) -> str:
    """What two directions of the same side have in common."""
    send = "recvonly" not in (one, other) and "inactive" not in (one, other)
    receive = "sendonly" not in (one, other) and "inactive" not in (one, other)
    if send:
        return "sendrecv" if receive else "sendonly"
    return "recvonly" if receive else "inactive"


def _negotiated(
    media: Media,
    payload_type: int,
    codec: str,
    telephone_event: int | None,
    direction: str,
    heard_telephone_event: int | None = None,
) -> Negotiated:
    assert media.address is not None  # _usable saw to it
    return Negotiated(
        remote_address=media.address,
        remote_port=media.port,
        codec=codec,
        payload_type=payload_type,
        telephone_event=telephone_event,
        ptime=media.ptime or 20,
        direction=direction,
        remote_rtcp_port=media.rtcp_port,
        heard_telephone_event=telephone_event
        if heard_telephone_event is None
        else heard_telephone_event,
    )


def _audio(
    local: Local,
    protocol: str,
    formats: list[tuple[int, str]],
    telephone_event: int | None,
    direction: str,
) -> list[str]:
    numbers = [str(number) for number, _ in formats]
    maps = [f"a=rtpmap:{number} {codec}/{_CLOCK_RATE}" for number, codec in formats]
    if telephone_event is not None:
        numbers.append(str(telephone_event))
        maps.append(f"a=rtpmap:{telephone_event} telephone-event/{_CLOCK_RATE}")
        maps.append(f"a=fmtp:{telephone_event} 0-15")
    m_line = f"m=audio {local.port} {protocol} {' '.join(numbers)}"
    return [m_line, *maps, "a=ptime:20", f"a={direction}"]


def _refusal(media: Media) -> str:
    """The m-line of a stream that is not wanted (RFC 3264 §6): port 0, the rest as offered."""
    words = media.lines[0][1].replace("\t", " ").split(" ")
    words = [word for word in words if word]
    return f"m={words[0]} 0 {' '.join(words[2:])}"


def _describe(
    local: Local, session_id: int, version: int, times: list[str], sections: list[list[str]]
) -> bytes:
    family = "IP6" if ":" in local.address else "IP4"
    lines = [
        "v=0",
        f"o=- {session_id} {version} IN {family} {local.address}",
        "s=-",
        f"c=IN {family} {local.address}",
        *times,
    ]
    for section in sections:
        lines += section
    return ("\r\n".join(lines) + "\r\n").encode("utf-8", "surrogateescape")
