"""What stands in for the world when a run is replayed: nothing leaves it, or comes by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec
import trio
from trio.abc import Clock

from ccserver.inputs import words as inputs
from ccserver.inputs.file import Piece
from ccserver.inputs.words import Answered, Record, Turn, value_of, words_of
from ccserver.media import protocol as media
from ccserver.replay.said import Channel, Message, Unlike
from sip.transport.path import Path
from sip.transport.udp import Failed, Receive

T = TypeVar("T")
NAMED = ("ended", "parting")
"""Turns that tasks wait for, each by the name of its actor."""


class RecordingOver(Exception):
    """For a task that would go on: nothing more is said to it."""


class StandingClock(Clock):
    """For ``trio.run``: no deadline passes, for nothing of the core's may come by itself.

    What time it is for the core, the recording says.
    """

    def __init__(self) -> None:
        self._now = -1.0

    def run_out(self) -> None:
        """All deadlines pass: who hangs up in a hurry, and cannot be cancelled, is through."""
        self._now = 1e15

    def start_clock(self) -> None:
        """It does not run."""

    def current_time(self) -> float:
        return self._now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        return max(0.0, deadline - self._now)


class NoTransport:
    """In the place of a listener: what is sent goes nowhere."""

    def __init__(self, index: int, kind: str, host: str, port: int) -> None:
        self._index, self.kind = index, kind
        self.local = host, port

    def path_to(self, host: str, port: int) -> Path:
        return Path(self.kind, self._index, (host, port))

    def send(self, data: bytes, path: Path) -> None:
        """``RecordedTurns`` has compared it; what it was answered with is in the recording."""

    async def run(self, receive: Receive, failed: Failed) -> None:
        await trio.sleep_forever()


class NoMedia:
    """In the place of the media process.  ``sessions``: those it had, as was recorded."""

    def __init__(self, turns: RecordedTurns) -> None:
        self._turns = turns

    def listen(
        self,
        on_event: Callable[[media.Event], None],
        at_end: Callable[[Callable[[], None]], bool],
    ) -> None:
        """There is no news but what was recorded."""

    def send(self, command: media.Command) -> None:
        """Nobody hears: the recording says what was answered, and when."""

    def take(self, session: str, ipv6: bool) -> None:
        """It has none in reserve: the recording says which were."""

    def adopt(self, sessions: Iterable[str]) -> None:
        """Nobody has any."""

    async def adopted(self) -> Mapping[str, media.SessionState]:
        await self._turns.wait_for("recover", "")
        (sessions,) = self._turns.words
        found: Mapping[str, media.SessionState] = sessions
        return found

    async def run(self) -> None:
        await trio.sleep_forever()


class RecordedTurns:
    """The post's ``Turns`` (``actors.base``): they are as they were, one after the other.

    Whatever turn the core takes, or asks to take, must be the next one that was recorded; and what
    it sends in each, what it sent then.
    """

    by_itself = False

    def __init__(
        self, pieces: Iterable[Piece], written: Callable[[], int], over: Callable[[], None]
    ) -> None:
        """``written``: the number of the event appended last; ``over`` is called when a turn is
        taken of which nothing was recorded, for the recording has ended.
        """
        self._written, self._over = written, over
        self._records = self._every(pieces)
        self._closed = False
        self._is_past_the_end = False
        """Of this turn, and those that follow, nothing was recorded: how it all ends now."""
        self._gates: dict[tuple[str, str], trio.Event] = {}
        self._now = self._at = 0.0
        self._expected: int | None = None
        """The number of the event that was appended last as a piece of the recording began."""
        self.turns = 0
        self.messages = Channel[Message]("sent")
        """By the network."""
        self.others = Channel[msgspec.Struct]("told")
        """To the media process, and to who gives commands."""
        self.unlike: Unlike | None = None
        self._began: float | None = None
        self.wrong: str | None = None
        """What the core did that is not in the recording."""
        self.blamed = ""
        """The turn that was taken then."""
        self.head: Turn | Answered | None = None
        self._taken: Turn | None = None
        self._advance()

    def _every(self, pieces: Iterable[Piece]) -> Iterator[Record]:
        for piece in pieces:
            self._expected = piece.seq
            yield from piece.records

    def _advance(self) -> None:
        record = next(self._records, None)
        if isinstance(record, inputs.Said):
            self.messages.due, self.others.due = record.sent, record.told
            record = next(self._records, None)
        assert not isinstance(record, inputs.Said), "it is written down once a turn"
        self.head = record

    @property
    def words(self) -> tuple[Any, ...]:
        """Of the turn that is next."""
        assert isinstance(self.head, Turn)
        try:
            return words_of(self.head)
        except msgspec.ValidationError as error:
            self.go_wrong(f"what was recorded of {self.head.what} is of no use: {error}")
            return ()

    @property
    def cause(self) -> str:
        """The turn that is taken, in words."""
        return "nothing" if self._taken is None else described(self._taken)

    @property
    def passed(self) -> float:
        """Seconds from the first turn to the one taken last."""
        return 0.0 if self._began is None else self._now - self._began

    @property
    def at(self) -> float:
        """Of the turn taken last, in seconds since 1970."""
        return self._at

    def is_next(self, what: str, name: str = "") -> bool:
        head = self.head
        if not isinstance(head, Turn) or head.what != what:
            return False
        return not name or head.words == [name]

    def open_gate(self) -> None:
        """Let the task go on that waits for the next turn, if there is one."""
        assert isinstance(self.head, Turn)
        name = "".join(self.head.words[:1]) if self.head.what in NAMED else ""
        gate = self._gates.get((self.head.what, name))
        if gate is not None:
            gate.set()

    def close(self) -> None:
        """Nothing more is taken from the recording."""
        self._records, self.head = iter(()), None
        self._closed = self._is_past_the_end = True

    def go_wrong(self, what: str) -> None:
        """Only the first time counts."""
        if self.wrong is None:
            self.wrong, self.blamed = what, self.cause

    def end_turn(self) -> None:
        """Compare what the turn taken last has said with what it said then."""
        for channel in (self.messages, self.others):
            unlike = channel.end_turn()
            if unlike is not None and self.wrong is None and not self._is_past_the_end:
                self.unlike = unlike
                self.go_wrong(str(unlike))

    # --- as the post sees it ------------------------------------------------------------------

    def wall(self) -> float:
        return self._at

    def begin(self, what: str, words: tuple[object, ...]) -> tuple[float, float]:
        head = self.head
        self.end_turn()
        self._check_events()
        if isinstance(head, Turn) and head.what == what:
            self._now, self._at = head.now, head.at
            if self._began is None:
                self._began = head.now
            self.turns += 1
            self._taken = head
            self._advance()
        elif head is None:
            self._is_past_the_end = True
            self._over()
        else:
            self._is_wrong(f"the core takes a turn ({what})")
        return self._now, self._at

    def ask(self, what: str, question: Callable[[], T]) -> T:
        head = self.head
        if isinstance(head, Answered) and head.what == what:
            value: T = value_of(head)
            self._advance()
            return value
        answer = question()  # one that raised was not recorded: this raises, too
        self._is_wrong(f"the core asks for a {what}")
        return answer

    def sent(self, data: bytes, remote: tuple[str, int]) -> None:
        channel = self.messages
        channel.say(inputs.mark_of_message(channel.mark, data, remote), Message(data, remote))

    def told(self, word: msgspec.Struct) -> None:
        channel = self.others
        channel.say(inputs.mark_of_word(channel.mark, word), word)

    async def wait_for(self, what: str, name: str) -> None:
        while not self.is_next(what, name):
            if self._closed:
                raise RecordingOver
            gate = self._gates[what, name] = trio.Event()
            await gate.wait()
            del self._gates[what, name]

    def _check_events(self) -> None:
        expected, self._expected = self._expected, None
        if expected is not None and expected != self._written():
            self.go_wrong(
                f"event {expected} was the last one before this turn then,"
                f" and now event {self._written()} is"
            )

    def _is_wrong(self, what: str) -> None:
        head = self.head
        then = "the recording ends" if head is None else f"then came: {described(head)}"
        self.go_wrong(f"{what}, and {then}")


def described(record: Turn | Answered) -> str:
    """A line about it, with no header that proves who somebody is."""
    if isinstance(record, Answered):
        return f"the answer to a question ({record.what})"
    match record.what, record.words:
        case "message", [bytes() as data, path]:
            first = data.partition(b"\r\n")[0].decode("utf-8", "replace")
            host, port = path["remote"]
            return f"message from {host}:{port} by {path['transport']}: {first}"
        case "media", [[*news]]:
            return "media: " + " ".join(map(str, news))
        case "command", [{"op": op, **rest}, _]:
            return f"command {op} {rest.get('args', {})}"
        case "configure", [_, by, changes]:
            return f"reload by {by}: {', '.join(change['key'] for change in changes)}"
        case what, [*words] if words:
            return f"{what}: {' '.join(map(str, words))}"
        case what, _:
            return what
