"""Commands that came with a key, and their answers: the same key has one effect and one answer.

For ten minutes, and over restarts: that a command was asked, and what it was answered, is in the
journal (``CommandAsked``, ``CommandAnswered``), from which the next run has it (``PastCommand``).
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable

import msgspec
import trio

from actors.ids import ContactId
from actors.past import COMMAND_SECONDS, MOST_COMMANDS, PastCommand
from actors.reasons import Refusal
from ccserver.door import Answer, Request

CUT_OFF: Answer = {
    "refused": Refusal.NO_ANSWER,
    "detail": "the server was killed as it carried this out: it may have been done",
}


class Asked:
    """Put to an actor, and perhaps answered.  ``contact``: without it nobody is left to answer;
    ``durable``: answered when the disk has it.
    """

    def __init__(
        self,
        author: str,
        key: str | None,
        digest: str,
        reply_to: str,
        *,
        target: str = "",
        contact: ContactId | None = None,
        durable: bool = False,
    ) -> None:
        self.author, self.key, self.digest, self.reply_to = author, key, digest, reply_to
        self.target, self.contact, self.durable = target, contact, durable
        self.at = 0.0
        """When it was put to its actor."""
        self.upto = 0
        """The disk has all of it when it has the journal up to here."""
        self.answer: Answer | None = None
        self.answered = trio.Event()


class Remembered:
    """As long as their keys may be repeated; an author is never answered what another asked.

    ``forget`` is told of each that is remembered no more: what it is answered later is for nobody.
    """

    def __init__(self, now: Callable[[], float], forget: Callable[[Asked], None]) -> None:
        self._asked: OrderedDict[tuple[str, str], Asked] = OrderedDict()
        self._now, self._forget = now, forget

    def find(self, author: str, key: str) -> Asked | None:
        """Forgets nothing: a replay hears only of what was put to an actor."""
        asked = self._asked.get((author, key))
        return None if asked is None or asked.at < self._now() - COMMAND_SECONDS else asked

    def add(self, asked: Asked) -> None:
        """It has a key, and is the latest; older ones make room."""
        every, oldest = self._asked, asked.at - COMMAND_SECONDS
        while every and (len(every) >= MOST_COMMANDS or next(iter(every.values())).at < oldest):
            self._forget(every.popitem(last=False)[1])
        every[asked.author, asked.key or ""] = asked

    def recover(self, past: Iterable[PastCommand]) -> None:
        """Of earlier runs.  What had no answer is not done twice."""
        for command in past:
            asked = Asked(command.by, command.key, command.digest, "")
            asked.at = command.at
            asked.answer = CUT_OFF if command.answer is None else command.answer
            asked.answered.set()
            self.add(asked)


def digest_of(request: Request) -> str:
    """Of what is asked: the same for the same command, and for no other."""
    asked = (request.op, request.args, request.expect)
    return hashlib.sha256(msgspec.json.encode(asked, order="deterministic")).hexdigest()[:32]
