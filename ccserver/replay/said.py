"""What a replayed run says to others than its actors, held against what was said then.

Of what was said then there is a checksum, of which each word has a part; of what is said now, there
is the word.
"""

from __future__ import annotations

from typing import Generic, Literal, TypeAlias, TypeVar

from msgspec import Struct

from actors.effects import ReplyTo
from ccserver.inputs.words import MARK

Kind: TypeAlias = Literal["sent", "told"]


class Message(Struct, frozen=True):
    """What is sent by the network."""

    data: bytes
    remote: tuple[str, int]


class Unlike(Struct, frozen=True):
    """The first word that is said otherwise than then.  Of what was said then, no more was kept
    than how many words there were, and a checksum of each.
    """

    kind: Kind
    number: int
    """Of its kind in its turn, from 1."""
    recorded: int
    """So many were said in that turn."""
    replayed: Struct | None
    """A message, a command to the media process, or an answer (``actors.effects.ReplyTo``); None:
    no more are said now.
    """

    def __str__(self) -> str:
        if self.number > self.recorded:
            return f"{self.noun} is sent that was not sent then"
        if self.replayed is None:
            return f"{self.noun} that was sent then is not sent"
        return f"{self.noun} is another than then"

    @property
    def noun(self) -> str:
        if self.kind == "sent":
            return "a message"
        match self.replayed:
            case None:
                return "a command to the media process, or an answer to a command,"
            case ReplyTo():
                return "an answer to a command"
            case _:
                return "a command to the media process"


Word = TypeVar("Word", bound=Struct)


class Channel(Generic[Word]):
    """Words of one kind.  ``count``: on how many both sides agree."""

    def __init__(self, kind: Kind) -> None:
        self.count = 0
        self._kind: Kind = kind
        self.mark = 0
        """The checksum so far."""
        self._marks: list[int] = []
        self._words: list[Word] = []
        """What the turn taken last has said."""
        self.due: list[int] = []
        """The marks of what it said then."""

    def say(self, mark: int, word: Word) -> None:
        """``mark``: the checksum with it."""
        self.mark = mark
        self._marks.append(mark & MARK)
        self._words.append(word)

    def end_turn(self) -> Unlike | None:
        """What of it is another than then; the next turn has said nothing yet."""
        due, marks, words = self.due, self._marks, self._words
        self.due, self._marks, self._words = [], [], []
        if marks == due:
            self.count += len(due)
            return None
        pairs = enumerate(zip(due, marks, strict=False))
        first = next((n for n, (then, now) in pairs if then != now), min(len(due), len(marks)))
        self.count += first
        now = words[first] if first < len(words) else None
        return Unlike(self._kind, first + 1, len(due), now)
