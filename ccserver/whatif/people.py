"""What each customer would do, whatever became of him: as recorded, and drawn where it was not.

How long one would have waited who was answered, and how long one would have talked who hung up, is
drawn from what the others of that day did.  The lots belong to the contact: they are the same
whatever the configuration, and so is all that he does (common random numbers).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import TypeVar

from msgspec import Struct

from actors.ids import AgentId, ContactId, QueueName
from actors.reasons import OfferFailure
from ccserver.whatif.courses import Course, Service
from ccserver.whatif.survival import Survival

FEWEST = 20
"""Of so many in a queue, at least, its own distribution is made; else that of the whole day."""
TALKED = 180.0
"""Seconds: where nobody was answered all day, and somebody is now."""
RANG = 5.0
"""Seconds: the same, of a phone."""
BACK = 60.0
"""Seconds after which one who has missed an offer is available again, where nobody ever was."""

T = TypeVar("T")


class Patience(Struct, frozen=True):
    """``beyond`` None: he gave up after ``seconds``; else so long he did wait, and was answered:
    the rest is drawn.
    """

    seconds: float
    beyond: float | None = None


class Conversation(Struct, frozen=True):
    """``borrowed``: as somebody else's, for he had none."""

    service: Service
    borrowed: bool = False


class Ring(Struct, frozen=True):
    """Somebody answers ``after`` so many seconds, ``agent`` if his phone is among those that ring;
    or it fails.  Who misses it is back ``away`` seconds later.
    """

    after: float
    away: float
    agent: AgentId | None = None
    failure: OfferFailure | None = None


class People:
    """``seed``: other lots."""

    def __init__(self, courses: Iterable[Course], seed: int = 0) -> None:
        self._seed = seed
        self._courses = {course.id: course for course in courses}
        every = self._courses.values()
        spells = [(spell.queue, spell) for course in every for spell in course.spells]
        waits = _by_queue([(queue, (spell.waited, spell.gave_up)) for queue, spell in spells])
        self._patience = {
            queue: Survival(found)
            for queue, found in waits.items()
            if queue is None or sum(gave_up for _, gave_up in found) >= FEWEST
        }
        self.longest = max((spell.waited for _, spell in spells), default=0.0)
        """That anybody waited: of more patience than that nothing is known."""
        services = [(service.queue, service) for course in every for service in course.services]
        self._services = {
            queue: found
            for queue, found in _by_queue(services).items()
            if queue is None or len(found) >= FEWEST
        }
        offers = [offer for course in every for offer in course.offers]
        self._rings = [offer.after for offer in offers if offer.answered] or [RANG]
        self._aways = [offer.away for offer in offers if offer.away is not None] or [BACK]

    def course(self, contact: ContactId) -> Course:
        """As recorded."""
        return self._courses[contact]

    def patience(self, contact: ContactId, number: int, queue: QueueName) -> Patience:
        """The first time that he waits is number 0; ``queue``: where, this time."""
        recorded = _at(self._courses[contact].spells, number)
        if recorded is not None and recorded.gave_up:
            return Patience(recorded.waited)
        waited = 0.0 if recorded is None else recorded.waited
        known = self._patience.get(queue if recorded is None else recorded.queue)
        survival = self._patience[None] if known is None else known
        return Patience(survival.draw(self._lot(contact, f"patience {number}"), waited), waited)

    def conversation(self, contact: ContactId, number: int, queue: QueueName) -> Conversation:
        """The first that he has is number 0."""
        course = self._courses[contact]
        recorded = _at(course.services, number)
        if recorded is not None:
            return Conversation(recorded)
        spell = _at(course.spells, number)
        known = self._services.get(queue if spell is None else spell.queue)
        services = self._services[None] if known is None else known
        if not services:
            return Conversation(Service(queue, AgentId(""), 0, TALKED), borrowed=True)
        return Conversation(self._one(services, contact, f"talk {number}"), borrowed=True)

    def ring(self, contact: ContactId, number: int) -> Ring:
        """The first time that phones ring for him is number 0."""
        offer = _at(self._courses[contact].offers, number)
        away = self._one(self._aways, contact, f"away {number}")
        if offer is not None and offer.failure is not None:
            away = away if offer.away is None else offer.away
            return Ring(offer.after, away, offer.agent, offer.failure)
        if offer is not None and offer.answered:
            return Ring(offer.after, away, offer.agent)
        drawn = self._one(self._rings, contact, f"ring {number}")
        # He hung up while it rang: who would have answered had not yet.
        return Ring(drawn if offer is None else offer.after + drawn, away)

    def _one(self, several: Sequence[T], contact: ContactId, what: str) -> T:
        return several[int(self._lot(contact, what) * len(several))]

    def _lot(self, contact: ContactId, what: str) -> float:
        """From 0 to 1, 1 excluded."""
        digest = blake2b(f"{self._seed} {contact} {what}".encode(), digest_size=6).digest()
        return int.from_bytes(digest) / (1 << 48)


def _by_queue(found: Iterable[tuple[QueueName, T]]) -> dict[QueueName | None, list[T]]:
    """None: of the whole day."""
    pools: dict[QueueName | None, list[T]] = {None: []}
    for queue, one in found:
        pools.setdefault(queue, []).append(one)
        pools[None].append(one)
    return pools


def _at(several: Sequence[T], number: int) -> T | None:
    return several[number] if number < len(several) else None
