"""Sums of voices: what every listener hears, each without himself, for all conferences at once.

A *voice* is a source as it is heard here: packets come out of its jitter buffer, or a player's
frames out of its files.  An *ear* is a listener with the voices he hears.  Voices lie in the rows
of two planes, 8 and 16 kHz; who is heard by an ear of the other rate has a second row there, made
by resampling.  So there is no end of conferences, holds and whispers to be told apart, only sums.

Pure: no sockets, no clock; `tick` is called every 20 ms.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ccserver.media import g711, g722, resample
from ccserver.media.jitter import FRAME
from ccserver.media.plane import NOBODY, Plane, Rows, Sums
from ccserver.media.player import Player

K = TypeVar("K", bound=Hashable)
"""What parties are known by."""

WIDE = "G722"
"""The one codec of 16 kHz."""

_NOTHING = np.zeros((0, FRAME), np.uint8)
_SILENCE = g711.SILENCE["PCMU"] * FRAME


class Feed(Protocol):
    """Where a voice's frames come from."""

    spliced: bool
    """Whether the frame taken last does not continue the one before it."""

    def take(self) -> bytes | None:
        """20 ms: 160 bytes of the voice's codec; None if they are not there."""


class Mixed(Struct, Generic[K]):
    """20 ms of every ear, in its codec."""

    narrow: Sequence[K]
    """Ears of G.711: the same object as long as they are the same ears in the same order."""
    frames: NDArray[np.uint8]
    """A row each."""
    wide: list[tuple[K, bytes]]


class _Playing:
    """A player as a feed."""

    def __init__(self, player: Player) -> None:
        self.spliced = False
        self._player = player

    def take(self) -> bytes:
        return self._player.frame("PCMU")


class Voice(Generic[K]):
    """A source in the mixer.  Made by `Mixer.add`."""

    def __init__(
        self, key: K | None, codec: str, feed: Feed, row: int, decoder: g722.Decoder | None
    ) -> None:
        self.key = key
        """None: a player, or one whose place another has taken."""
        self.codec = codec
        self.feed = feed
        self.decoder = decoder
        self.wide = decoder is not None
        self.row = row
        """In the plane of its own rate."""
        self.across: int | None = None
        """In the other plane, if an ear there hears it."""
        self.ears = 0
        self.ears_across = 0


class _Ear(Generic[K]):
    def __init__(self, key: K, codec: str) -> None:
        self.key = key
        self.codec = codec
        self.wide = codec == WIDE
        self.voices: tuple[Voice[K], ...] = ()
        self.player: tuple[Player, Voice[K]] | None = None
        self.rows: tuple[int, ...] = ()
        self.rows_before: tuple[int, ...] | None = ()
        """What was heard in the last frame, if it was something else."""


class Mixer(Generic[K]):
    """Voices and ears are known by keys of the caller's; a party has the same key for both, so that
    he shares the sum of his conference."""

    def __init__(self) -> None:
        self._voices: dict[K, Voice[K]] = {}
        self._others: list[Voice[K]] = []
        """Players, and voices whose place another one has taken."""
        self._ears: dict[K, _Ear[K]] = {}
        self._planes = {False: Plane(FRAME), True: Plane(2 * FRAME)}
        self._laws = np.zeros((self._planes[False].height, 1), np.uint16)
        self._encoders: dict[K, g722.Encoder] = {}
        """They outlive their ears: a phone's decoder goes on from where it was left, and an encoder
        that begins anew would make it shout."""
        self._idle: list[Voice[K]] = []
        """To be closed after the next tick, if nobody hears them by then."""
        self._plan: _Plan[K] | None = None
        self.closed: list[K] = []
        """Keys of the voices that went with the last tick: nobody heard them any more."""

    def __contains__(self, key: K) -> bool:
        """Whether it is an ear."""
        return key in self._ears

    @property
    def ears(self) -> int:
        return len(self._ears)

    @property
    def rows(self) -> int:
        """Of all voices, in both planes."""
        return sum(plane.used for plane in self._planes.values())

    # --- voices -------------------------------------------------------------------------------

    def voice(self, key: K) -> Voice[K] | None:
        return self._voices.get(key)

    def add(self, key: K, codec: str, feed: Feed, heard: bytes = b"") -> Voice[K]:
        """A source that somebody is about to hear; takes the place of an older one of this key.

        `heard` is the end of what the listener has been sent of it so far: the sound goes on there.
        It goes by itself, a frame after nobody hears it any more.
        """
        old = self._voices.pop(key, None)
        if old is not None:
            old.key = None
            self._others.append(old)
            self._idle.append(old)
        voice = self._voices[key] = self._open(key, codec, feed, heard)
        self._idle.append(voice)
        self._plan = None
        return voice

    def _open(self, key: K | None, codec: str, feed: Feed, heard: bytes = b"") -> Voice[K]:
        decoder = g722.Decoder() if codec == WIDE else None
        last: NDArray[np.int16] | None = None
        if len(heard) >= FRAME:
            if decoder is not None:
                last = decoder.decode(heard)[-2 * FRAME :]
            else:
                last = np.frombuffer(g711.decode(codec, heard[-FRAME:]), "<i2")
        plane = self._planes[decoder is not None]
        voice = Voice(key, codec, feed, plane.open(last), decoder)
        if decoder is None:
            if plane.height > len(self._laws):
                self._laws = np.vstack((self._laws, np.zeros_like(self._laws)))
            self._laws[voice.row] = g711.LAW[codec]
        return voice

    # --- ears ---------------------------------------------------------------------------------

    def hear(
        self,
        key: K,
        codec: str,
        voices: Iterable[Voice[K]],
        player: Player | None = None,
        before: Voice[K] | None = None,
    ) -> None:
        """From the next frame on this ear hears the sum of `voices` and of `player`.

        `before`: the voice that a new ear has heard so far, by another way.
        """
        ear = self._ears.get(key)
        if ear is None or ear.codec != codec:
            self.leave(key)
            ear = self._ears[key] = _Ear(key, codec)
            if before is not None:
                ear.rows_before = (self._row(before, ear),)
        elif ear.rows_before is None:
            ear.rows_before = ear.rows
        old, old_player = ear.voices, ear.player
        ear.voices = tuple(voices)
        if player is None:
            ear.player = None
        elif old_player is None or old_player[0] is not player:
            ear.player = player, self._open(None, "PCMU", _Playing(player))
            self._others.append(ear.player[1])
        heard = ear.voices if ear.player is None else (*ear.voices, ear.player[1])
        ear.rows = tuple(self._row(voice, ear) for voice in heard)
        self._count(ear, heard, 1)
        self._count(ear, old if old_player is None else (*old, old_player[1]), -1)
        self._plan = None

    def leave(self, key: K) -> None:
        """This ear hears nothing here any more; at once."""
        ear = self._ears.pop(key, None)
        if ear is not None:
            self._count(ear, ear.voices, -1)
            if ear.player is not None:
                self._count(ear, (ear.player[1],), -1)
            self._plan = None

    def has_heard(self, key: K, payload: bytes) -> None:
        """This phone was sent these frames of G.722 by another way; its decoder follows them."""
        encoder = self._encoders[key] = g722.Encoder()
        encoder.encode(g722.Decoder().decode(payload))

    def forget(self, key: K) -> None:
        """There is no such party any more."""
        self.leave(key)
        self._encoders.pop(key, None)

    def _row(self, voice: Voice[K], ear: _Ear[K]) -> int:
        if voice.wide == ear.wide:
            return voice.row
        if voice.across is None:
            voice.across = self._planes[ear.wide].open()
        return voice.across

    def _count(self, ear: _Ear[K], voices: Iterable[Voice[K]], change: int) -> None:
        for voice in voices:
            voice.ears += change
            if voice.wide != ear.wide:
                voice.ears_across += change
            if not voice.ears or (voice.across is not None and not voice.ears_across):
                self._idle.append(voice)

    # --- time ---------------------------------------------------------------------------------

    def tick(self) -> Mixed[K]:
        """The next frame of every ear."""
        plan = self._plan
        if plan is None:
            voices = [*self._voices.values(), *self._others]
            plan = self._plan = _Plan(list(self._ears.values()), voices)
        if not (self._ears or plan.voices):
            return Mixed(plan.narrow_keys, _NOTHING, [])
        self._fill(plan)
        mixed = Mixed(plan.narrow_keys, self._encode_narrow(plan), list(self._encode_wide(plan)))
        if self._idle:
            self._close_idle()
        return mixed

    def _fill(self, plan: _Plan[K]) -> None:
        narrow, wide = self._planes[False], self._planes[True]
        narrow.turn()
        wide.turn()
        codes = [_SILENCE] * narrow.height
        missing: list[int] = []
        joining: list[int] = []
        for voice in plan.voices:
            feed, row = voice.feed, voice.row
            frame = feed.take()
            if voice.decoder is not None:
                if frame is None:
                    wide.make_up(row)
                    continue
                wide.now[row] = voice.decoder.decode(frame)
                if feed.spliced or wide.is_broken(row):
                    wide.join(row)
            elif frame is None:
                missing.append(row)
            else:
                codes[row] = frame
                if feed.spliced or narrow.is_broken(row):
                    joining.append(row)
        g711.decode_rows(b"".join(codes), self._laws, narrow.now)
        for row in missing:
            narrow.make_up(row)
        for row in joining:
            narrow.join(row)
        source, target = plan.up
        if len(source):
            wide.now[target] = resample.up(narrow.before[source], narrow.now[source])
        source, target = plan.down
        if len(source):
            narrow.now[target] = resample.down(wide.before[source], wide.now[source])

    def _encode_narrow(self, plan: _Plan[K]) -> NDArray[np.uint8]:
        heard = self._heard(plan.narrow, plan.narrow_sums, self._planes[False])
        half = plan.mu_law
        return np.concatenate(
            (g711.encode_rows("PCMU", heard[:half]), g711.encode_rows("PCMA", heard[half:]))
        )

    def _encode_wide(self, plan: _Plan[K]) -> Iterable[tuple[K, bytes]]:
        if not plan.wide:
            return
        heard = self._heard(plan.wide, plan.wide_sums, self._planes[True])
        samples = np.clip(heard, -32768, 32767).astype(np.int16)
        for ear, row in zip(plan.wide, samples, strict=True):
            encoder = self._encoders.get(ear.key)
            if encoder is None:
                encoder = self._encoders[ear.key] = g722.Encoder()
            yield ear.key, encoder.encode(row)

    def _heard(self, ears: list[_Ear[K]], sums: Sums, plane: Plane) -> Rows:
        heard = sums.of(plane)
        for index, ear in enumerate(ears):
            if ear.rows_before is not None:
                before = plane.now[list(ear.rows_before)].sum(axis=0, dtype=np.int32)
                heard[index] = plane.cross_fade(before, heard[index])
                ear.rows_before = None
        return heard

    def _close_idle(self) -> None:
        """What nobody has heard for a frame."""
        self.closed.clear()
        idle, self._idle = self._idle, []
        for voice in idle:
            if voice.across is not None and not voice.ears_across:
                self._planes[not voice.wide].close(voice.across)
                voice.across = None
                self._plan = None
            if not voice.ears and voice.row != NOBODY:
                self._planes[voice.wide].close(voice.row)
                if not voice.wide:
                    self._laws[voice.row] = 0
                voice.row = NOBODY
                self._plan = None
                if voice.key is None:
                    self._others.remove(voice)
                elif self._voices.get(voice.key) is voice:
                    del self._voices[voice.key]
                    self.closed.append(voice.key)


class _Plan(Generic[K]):
    """What stays the same from frame to frame, until somebody hears something else."""

    def __init__(self, ears: Sequence[_Ear[K]], voices: Sequence[Voice[K]]) -> None:
        self.voices = voices
        own = {(voice.key, voice.wide): voice.row for voice in voices if voice.key is not None}
        narrow = [ear for ear in ears if not ear.wide]
        self.narrow = [ear for ear in narrow if ear.codec == "PCMU"]
        self.mu_law = len(self.narrow)
        """So many of the narrow ears, the first, hear µ-law; the others A-law."""
        self.narrow += [ear for ear in narrow if ear.codec != "PCMU"]
        self.narrow_keys = [ear.key for ear in self.narrow]
        self.wide = [ear for ear in ears if ear.wide]
        self.narrow_sums, self.wide_sums = (
            Sums([(ear.rows, own.get((ear.key, ear.wide), NOBODY)) for ear in some])
            for some in (self.narrow, self.wide)
        )
        self.up, self.down = (
            np.array(
                [(v.row, v.across) for v in voices if v.across is not None and v.wide == wide],
                np.intp,
            )
            .reshape(-1, 2)
            .T
            for wide in (False, True)
        )
