"""What the core and a media process say to each other, and how it is framed.

A frame is one datagram of a Unix SOCK_SEQPACKET connection: a msgpack array of messages, at most
`MAXIMUM_FRAME` bytes.  Commands go down and events come up; neither is ever answered with an
error, for a command that cannot be served has an event that says so.

A *session* is one leg's RTP: named by the leg's id, with a port pair of its own.  Imports nothing
but msgspec, so that the core may import it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import msgspec
from msgspec import Struct

MAXIMUM_FRAME = 65_536
"""Bytes."""

FULL = "full"
"""`SessionRefused.reason`: every port is in use or rests."""
DUPLICATE = "duplicate"
"""`SessionRefused.reason`: there is a session of that name."""
FAMILY = "family"
"""`SessionRefused.reason`: the media process listens at no address of this family."""
DOWN = "down"
"""`SessionRefused.reason`: made by the client while there is no media process to ask."""
UNKNOWN = "unknown"
"""`SessionRefused.reason`, `PlayFailed.reason`: there is no session of that name."""
UNREACHABLE = "unreachable"
"""`SessionRefused.reason`: a remote address that we cannot send to, such as one of the other
family."""


NOT_READY = "not_ready"
"""`SessionRefused.reason`: the port that was named is not of a pair in reserve."""
CODEC = "codec"
"""`SessionRefused.reason`: a codec that we do not speak."""
CODECS = frozenset({"PCMU", "PCMA", "G722"})


class CreateSession(Struct, frozen=True, gc=False, tag=True, array_like=True):
    """Open a port pair; answered by SessionCreated or SessionRefused.

    With a ``port`` it is that pair of the reserve, and SessionRefused is the only answer.
    """

    session: str
    ipv6: bool = False
    """The family of the address."""
    port: int | None = None


class KeepReady(Struct, frozen=True, gc=False, tag=True, array_like=True):
    """Have so many port pairs of each family open in reserve from now on.

    Answered by PortsReady, with all that there are now, and whenever there are new ones.
    """

    pairs: int


class SetRemote(Struct, frozen=True, gc=False, tag=True, array_like=True):
    """Where the other side awaits RTP, and in what form.  May be said again at any time."""

    session: str
    address: str
    port: int
    codec: str
    """One of `CODECS`."""
    payload_type: int
    telephone_event: int | None
    """The payload type to send telephone-event with; None if the other side takes none."""
    direction: str
    """Ours, as negotiated: RTP is sent only in ``sendrecv`` and ``sendonly``, and its absence
    is noticed only in ``sendrecv``, for who holds need not send."""
    ptime: int = 20
    rtcp_port: int | None = None
    """None stands for ``port + 1``."""
    heard_telephone_event: int | None = None
    """The payload type telephone-event comes with, if another one than it is sent with."""
    learn_from: str | None = None
    """The only host at which another source may be learned, if the signalled address keeps
    silent: the host the signalling comes from.  None leaves it open."""


class Play(Struct, frozen=True, gc=False, tag=True, array_like=True):
    """Play files one after the other; takes the place of what is playing.

    `token` comes back in PlayFinished, once the last sample is sent or a key has cut it short, or
    in PlayFailed.  What is stopped, replaced or released with its session comes back in neither:
    whoever said so knows.
    """

    session: str
    token: str
    files: list[str]
    """Relative to the prompts directory."""
    loop: bool = False
    barge_in: bool = False
    """A key ends it."""


class StopPlay(Struct, frozen=True, gc=False, tag=True, array_like=True):
    """Stop what plays; with a token, only if it is that."""

    session: str
    token: str | None = None


class Hear(Struct, frozen=True, gc=False, tag=True, array_like=True):
    """From now on `session` hears the sum of `sources`, and what plays to it; and nothing else.

    One row of the matrix of who hears whom.  A source that is not there is ignored, and forgotten:
    a session of that name that comes later is another one.  So is `session` itself.
    """

    session: str
    sources: list[str]


class Release(Struct, frozen=True, gc=False, tag=True, array_like=True):
    """Close the session; answered by SessionReleased."""

    session: str


class ListSessions(Struct, frozen=True, gc=False, tag=True, array_like=True):
    """Answered by Sessions: after a reconnection the core learns what goes on."""


class GetStatistics(Struct, frozen=True, gc=False, tag=True, array_like=True):
    """Answered by Statistics."""


class SessionCreated(Struct, frozen=True, gc=False, tag=True, array_like=True):
    session: str
    address: str
    port: int
    """The even port of RTP; RTCP is on the next."""


class PortsReady(Struct, frozen=True, gc=False, tag=True, array_like=True):
    """Pairs in reserve: each is for one session, whose creation names it."""

    ipv6: bool
    address: str
    ports: list[int]
    """The even ones."""


class SessionRefused(Struct, frozen=True, gc=False, tag=True, array_like=True):
    session: str
    reason: str


class PlayFinished(Struct, frozen=True, gc=False, tag=True, array_like=True):
    session: str
    token: str


class PlayFailed(Struct, frozen=True, gc=False, tag=True, array_like=True):
    """Nothing, or nothing more, was played: `reason` names the file and what is wrong with it."""

    session: str
    token: str
    reason: str


class DigitHeard(Struct, frozen=True, gc=False, tag=True, array_like=True):
    """A key, when it was let go or when it is certain that its end was lost."""

    session: str
    digit: str
    """One of ``0123456789*#ABCD``."""
    duration_ms: int
    sample: int
    """The RTP timestamp at which the key was pressed."""


class RtpSilent(Struct, frozen=True, gc=False, tag=True, array_like=True):
    """Nothing came for so long, though something should have.  Once, until RTP is back."""

    session: str
    seconds: float


class SessionReleased(Struct, frozen=True, gc=False, tag=True, array_like=True):
    session: str
    packets_in: int
    packets_out: int
    lost: int
    jitter_ms: float


class SessionState(Struct, frozen=True, gc=False, array_like=True):
    session: str
    address: str
    port: int
    hears: list[str]
    playing: str | None
    """The token of what plays."""
    packets_in: int
    packets_out: int
    silent: bool
    """Nothing was heard for as long as the RTP timeout, for whatever reason."""


class Sessions(Struct, frozen=True, tag=True, array_like=True):
    """All sessions, in as many parts as needed."""

    sessions: list[SessionState]
    last: bool = True


class Statistics(Struct, frozen=True, tag=True, array_like=True):
    """Counters since the start of the process."""

    packets_in: int
    packets_out: int
    dropped: dict[str, int]
    """By reason; the reasons are those of `ccserver.media.session.Drop`."""
    tick_lateness: dict[str, int]
    """Ticks by upper bound of their lateness in seconds, the last one ``+Inf``; not cumulated."""
    tick_lateness_sum: float
    """Seconds."""
    sessions: int
    ports_used: int
    ports_free: int
    ports_resting: int
    events_dropped: int
    """Events that were lost because the core did not read."""
    tick_lateness_max: float = 0.0
    """Seconds, since the last time this was asked."""


Command: TypeAlias = (
    CreateSession
    | KeepReady
    | SetRemote
    | Play
    | StopPlay
    | Hear
    | Release
    | ListSessions
    | GetStatistics
)
Event: TypeAlias = (
    SessionCreated
    | PortsReady
    | SessionRefused
    | PlayFinished
    | PlayFailed
    | DigitHeard
    | RtpSilent
    | SessionReleased
    | Sessions
    | Statistics
)


class BadFrame(ValueError):
    """A frame that is not what the other side should send."""


_encoder = msgspec.msgpack.Encoder()
_commands = msgspec.msgpack.Decoder(list[Command])
_events = msgspec.msgpack.Decoder(list[Event])


def encode_frames(messages: Iterable[Command] | Iterable[Event]) -> list[bytes]:
    """As few frames as hold all messages in their order.

    Raises BadFrame for a single message that is larger than a frame.
    """
    together = list(messages)
    frame = _encoder.encode(together)
    if len(frame) <= MAXIMUM_FRAME:
        return [frame] if together else []
    frames: list[bytes] = []
    batch: list[msgspec.Raw] = []
    size = _ARRAY_HEAD
    for message in together:
        item = _encoder.encode(message)
        if len(item) > MAXIMUM_FRAME - _ARRAY_HEAD:
            raise BadFrame(f"{type(message).__name__} of {len(item)} bytes")
        if size + len(item) > MAXIMUM_FRAME:
            frames.append(_encoder.encode(batch))
            batch, size = [], _ARRAY_HEAD
        batch.append(msgspec.Raw(item))
        size += len(item)
    if batch:
        frames.append(_encoder.encode(batch))
    return frames


_ARRAY_HEAD = 5
"""The longest head of a msgpack array."""


def socket_names(processes: int) -> list[str]:
    """Of the control sockets in the data directory, one for each media process."""
    return ["media.sock", *(f"media-{number}.sock" for number in range(2, processes + 1))]


def decode_commands(frame: bytes | memoryview) -> list[Command]:
    """Raises BadFrame."""
    try:
        return _commands.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadFrame(str(error)) from error


def decode_events(frame: bytes | memoryview) -> list[Event]:
    """Raises BadFrame."""
    try:
        return _events.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadFrame(str(error)) from error
