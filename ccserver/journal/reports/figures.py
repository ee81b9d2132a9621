"""What a report says: the figures of a queue, of an agent and of one contact.

Every formula, with its source, is in docs/metrics.md.  Durations are in seconds, instants in
microseconds since 1970, UTC.  A field ``apportioned_...`` counts the seconds that passed within the
interval; the one of the same name without it counts the whole duration in the interval in which it
came to its end.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from msgspec import Struct

from actors.ids import AgentId, ContactId
from actors.reasons import EndedBy, Outcome
from ccserver.journal.fold import DESTINATIONS

Abandons: TypeAlias = Literal["ignored", "negative", "positive"]
"""How those count in the service level who gave up within its threshold: not at all, as if they had
not been answered in time, or as if they had."""


class Rules(Struct, frozen=True):
    """By which a report counts.  Of the zone is what a day is, and when an interval begins."""

    zone: ZoneInfo
    service_level_seconds: float = 20.0
    abandons: Abandons = "negative"
    short_call_seconds: float = 0.0
    """Who gave up within so long of his arrival made a short call, and has not abandoned."""
    sudden_disconnect_seconds: float = 5.0
    """A conversation that ended within so long was cut off, for all one knows."""


_Sums = TypeVar("_Sums", "QueueFigures", "AgentFigures")


class QueueFigures(Struct):
    """Of one queue, or of those who reached none, in one interval.

    After every event: ``carried_in + offered = handled + abandoned + short + overflowed + failed +
    waiting + being_offered + in_service``.
    """

    carried_in: int = 0
    """Who was in the queue, or talked with one of its agents, as the interval began."""
    offered: int = 0
    handled: int = 0
    abandoned_new: int = 0
    abandoned_treatment: int = 0
    abandoned_queue: int = 0
    abandoned_agent_connect: int = 0
    short: int = 0
    overflowed: int = 0
    failed: int = 0
    waiting: int = 0
    """At the end of the interval, as the next two."""
    being_offered: int = 0
    in_service: int = 0
    longest_waiting: float = 0.0
    """How long the one has waited, at the end of the interval, who has waited longest."""

    answered: int = 0
    answer_wait: float = 0.0
    """Of those answered: from the first instant in the queue to the answer."""
    answer_ring: float = 0.0
    """The part of it in which the phone of the agent rang who answered."""
    abandon_wait: float = 0.0
    """Of those who abandoned: how long they had waited in the queue."""
    longest_wait: float = 0.0
    """Of any wait that came to an end in the interval."""
    level_answered: int = 0
    """Answered within the threshold of the service level."""
    level_abandoned: int = 0
    """Given up within it."""
    level_missed: int = 0
    """Still waiting when it was reached."""

    conversations: int = 0
    """That came to their end.  Their durations follow."""
    talk: float = 0.0
    hold: float = 0.0
    consult: float = 0.0
    post_call: float = 0.0
    post_calls: int = 0
    wrap_up: float = 0.0
    wrap_ups: int = 0
    sudden_disconnects: int = 0

    missed: int = 0
    """Offers: the phone rang in vain (RONA)."""
    rejected: int = 0
    offer_errors: int = 0
    requeued: int = 0
    """Conversations that lost their agent; the customer waits again."""
    diverted: int = 0
    """Sent elsewhere by a rule, at the door or while they waited."""
    regained: int = 0
    consults: int = 0
    consults_to_queue: int = 0
    consults_answered: int = 0
    conferences: int = 0
    transfers_blind: int = 0
    transfers_consult: int = 0
    transfers_to: dict[str, int] = {}
    """By kind of destination."""

    apportioned_waiting: float = 0.0
    apportioned_ringing: float = 0.0
    apportioned_talk: float = 0.0
    apportioned_hold: float = 0.0
    apportioned_consult: float = 0.0
    apportioned_post_call: float = 0.0
    apportioned_wrap_up: float = 0.0

    @property
    def abandoned(self) -> int:
        return (
            self.abandoned_new
            + self.abandoned_treatment
            + self.abandoned_queue
            + self.abandoned_agent_connect
        )

    @property
    def asa(self) -> float | None:
        """Average speed of answer; None: nobody was answered."""
        return _ratio(self.answer_wait, self.answered)

    @property
    def aht(self) -> float | None:
        """Average handle time."""
        handled = self.talk + self.hold + self.post_call + self.wrap_up
        return _ratio(handled, self.conversations)

    @property
    def abandonment(self) -> float | None:
        """Share of those who were offered and are here no more, without short calls."""
        gone = self.handled + self.abandoned + self.overflowed + self.failed
        return _ratio(self.abandoned, gone)

    def service_level(self, abandons: Abandons) -> float | None:
        """Share, from 0 to 1; None: nobody's service level was decided."""
        decided = self.level_answered + self.level_abandoned + self.level_missed
        match abandons:
            case "ignored":
                return _ratio(self.level_answered, decided - self.level_abandoned)
            case "negative":
                return _ratio(self.level_answered, decided)
            case "positive":
                return _ratio(self.level_answered + self.level_abandoned, decided)

    def add(self, later: QueueFigures) -> None:
        """The interval behind this one, so that this is of both."""
        _add(self, later, QUEUE_CLOSING)

    def join(self, other: QueueFigures) -> None:
        """Another queue's of the same interval, so that this is of both."""
        _add(self, other, ())
        self.longest_waiting = max(self.longest_waiting, other.longest_waiting)


QUEUE_CLOSING = ("waiting", "being_offered", "in_service", "longest_waiting")
"""What is said of the end of an interval."""


class AgentFigures(Struct):
    """Of one agent in one interval.

    ``offered = answered + missed + rejected + offer_errors + withdrawn``, but for what rings at an
    end of the interval.
    """

    offered: int = 0
    """Contacts presented to him, from a queue or in a transfer."""
    answered: int = 0
    missed: int = 0
    rejected: int = 0
    offer_errors: int = 0
    withdrawn: int = 0
    """The customer gave up, or another agent was faster."""
    placed: int = 0
    """Calls that he placed."""
    reached: int = 0

    conversations: int = 0
    """In which he took part, but as one who was consulted; his part has come to its end."""
    talk: float = 0.0
    hold: float = 0.0
    consult: float = 0.0
    """He consulted somebody, or waited for who was to be consulted."""
    post_call: float = 0.0
    wrap_up: float = 0.0
    wrap_ups: int = 0
    consulted: float = 0.0
    """Others consulted him."""
    consulted_times: int = 0
    monitoring: float = 0.0
    """He listened to others' calls."""
    sudden_disconnects: int = 0
    consults: int = 0
    consults_outbound: int = 0
    """Of those: in calls that agents placed."""
    consults_to_queue: int = 0
    consults_answered: int = 0
    conferences: int = 0
    transfers_blind: int = 0
    transfers_consult: int = 0
    transfers_to: dict[str, int] = {}

    apportioned_talk: float = 0.0
    apportioned_hold: float = 0.0
    apportioned_consult: float = 0.0
    apportioned_post_call: float = 0.0
    apportioned_wrap_up: float = 0.0
    apportioned_consulted: float = 0.0
    apportioned_monitoring: float = 0.0

    signed_in: float = 0.0
    """The time within the interval in which he was not signed out; the others are parts of it."""
    available: float = 0.0
    reserved: float = 0.0
    engaged: float = 0.0
    wrapping_up: float = 0.0
    """In the state wrap_up: until his phone is on the hook, even if there is nothing to wrap up."""
    idle: float = 0.0
    idle_codes: dict[str, float] = {}

    @property
    def aht(self) -> float | None:
        """Average handle time."""
        handled = self.talk + self.hold + self.post_call + self.wrap_up
        return _ratio(handled, self.conversations)

    @property
    def occupancy(self) -> float | None:
        """Share of the time at work, or ready for it, that was work."""
        at_work = (
            self.apportioned_talk
            + self.apportioned_hold
            + self.apportioned_consult
            + self.apportioned_consulted
            + self.apportioned_wrap_up
        )
        return _ratio(at_work, at_work + self.available)

    @property
    def utilisation(self) -> float | None:
        """Share of the time signed in that was spent on contacts."""
        handling = (
            self.apportioned_talk
            + self.apportioned_hold
            + self.apportioned_consult
            + self.apportioned_consulted
            + self.apportioned_post_call
            + self.apportioned_wrap_up
        )
        return _ratio(handling, self.signed_in)

    def add(self, later: AgentFigures) -> None:
        """The interval behind this one, or another agent's, so that this is of both."""
        _add(self, later, ())


class ContactFigures(Struct):
    """One contact, from its arrival to its end and to the wrap-up behind it."""

    contact: ContactId
    direction: Literal["inbound", "outbound"]
    arrived: int
    entry_point: str = ""
    ani: str = ""
    """The customer's number, whoever called."""
    dnis: str = ""
    ended: int | None = None
    """None: it is there."""
    queues: list[str] = []
    """In their order; one in which it was twice is there twice."""
    agents: list[AgentId] = []
    """Who took part, in the order in which they first did."""
    outcome: Outcome | None = None
    abandon_type: str | None = None
    """new, treatment, queue or agent_connect."""
    short: bool = False
    sudden_disconnect: bool = False
    waiting: float = 0.0
    ringing: float = 0.0
    talk: float = 0.0
    hold: float = 0.0
    consult: float = 0.0
    post_call: float = 0.0
    wrap_up: float = 0.0
    wrap_up_code: str | None = None
    consults: int = 0
    conferences: int = 0
    transfers_blind: int = 0
    transfers_consult: int = 0
    requeued: int = 0
    offers_failed: int = 0
    diverted: int = 0
    regained: bool = False
    termination: str | None = None
    """Why it ended, in one word of ``terminations``."""
    ended_by: EndedBy | None = None


def count_transfer(
    figures: QueueFigures | AgentFigures | ContactFigures, how: str, to: str
) -> None:
    """``how``: blind or consult; ``to`` as ``queue:sales``."""
    if how == "blind":
        figures.transfers_blind += 1
    else:
        figures.transfers_consult += 1
    if not isinstance(figures, ContactFigures):
        kind = to.partition(":")[0]
        figures.transfers_to[kind] = figures.transfers_to.get(kind, 0) + 1


def new_queue_figures(carried_in: int = 0) -> QueueFigures:
    return QueueFigures(carried_in=carried_in, transfers_to=dict.fromkeys(DESTINATIONS, 0))


def new_agent_figures() -> AgentFigures:
    return AgentFigures(transfers_to=dict.fromkeys(DESTINATIONS, 0))


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def _add(figures: _Sums, other: _Sums, closing: tuple[str, ...]) -> None:
    """Sums and greatest; ``carried_in`` stays when the ``closing`` ones are taken over."""
    for name in type(figures).__struct_fields__:
        ours, theirs = getattr(figures, name), getattr(other, name)
        if name in closing:
            setattr(figures, name, theirs)
        elif name in ("longest_wait", "longest_waiting"):
            setattr(figures, name, max(ours, theirs))
        elif isinstance(ours, dict):
            for key, value in theirs.items():
                ours[key] = ours.get(key, 0) + value
        elif name != "carried_in" or not closing:
            setattr(figures, name, ours + theirs)
