"""Names of things.  Sortable text, never SIP-shaped, never a metric label.

A made id has 26 characters: the domain code (2), milliseconds since 1970 (9), a counter (5) and
the epoch of the process (10), in Crockford's base 32, so that ids sort by the time they were made.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NewType

ContactId = NewType("ContactId", str)
"""A contact; with a suffix ``.n``, one of its later requests for an agent (``owner_of``)."""
LegId = NewType("LegId", str)
AgentId = NewType("AgentId", str)
QueueName = NewType("QueueName", str)
EntryPointName = NewType("EntryPointName", str)

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [one + other for one in _ALPHABET for other in _ALPHABET]


def base32(number: int, width: int) -> str:
    """``number`` in ``width`` characters of Crockford's base 32, cut from the left."""
    text = ""
    for _ in range(0, width, 2):
        text = _PAIRS[number & 1023] + text
        number >>= 10
    return text[-width:]


class IdSource:
    """Makes the ids of one process.

    ``wall`` gives seconds since 1970; ``epoch`` is a random 50-bit number drawn at start, so two
    runs of a node never make the same id.
    """

    def __init__(self, wall: Callable[[], float], epoch: int, domain: str = "a0") -> None:
        if len(domain) != 2:
            raise ValueError(f"a domain code has two characters, got {domain!r}")
        self._wall = wall
        self._tail = base32(epoch, 10)
        self._domain = domain
        self._made = 0

    def make(self) -> str:
        self._made = made = self._made + 1
        at = int(self._wall() * 1000)
        time = _recall(at >> 10, 7) + _PAIRS[at & 1023]
        return f"{self._domain}{time}{_recall(made >> 10, 3)}{_PAIRS[made & 1023]}{self._tail}"


_recall = lru_cache(8)(base32)
"""What stays the same for a second, and for a thousand ids."""


def made_at(name: str) -> float | None:
    """When an id was made, in seconds since 1970; None: it is none of ours."""
    if len(name) != 26 or not set(name) <= set(_ALPHABET):
        return None
    milliseconds = 0
    for digit in name[2:11]:
        milliseconds = milliseconds << 5 | _ALPHABET.index(digit)
    return milliseconds / 1000


def owner_of(request: ContactId) -> ContactId:
    """The contact that asks.

    Queues and agents know a contact's first request by its own id, and each later one (a consult,
    a transfer) by ``<contact>.<n>``: news of one is never taken for news of another.
    """
    return ContactId(request.partition(".")[0])


def contact_actor(request: ContactId) -> str:
    """The name of the owning contact's actor, for those who watch it."""
    return f"contact/{owner_of(request)}"


NO_QUEUE = QueueName("")
"""In place of a queue's name: of a call that an agent placed, and of who reached no queue."""
DISPATCHER = "dispatcher"
MONITOR_DESK = "monitor_desk"


def queue_actor(queue: QueueName) -> str:
    return f"queue/{queue}"


def agent_actor(agent: AgentId) -> str:
    return f"agent/{agent}"
