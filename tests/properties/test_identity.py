"""Nobody is lost: every contact offered is handled, gone, failed, or somewhere now."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors import events as ev
from actors.ids import AgentId, ContactId, EntryPointName, LegId, QueueName
from actors.place import Place
from actors.reasons import During, OfferFailure, Outcome
from ccserver.journal.fold import Fold
from ccserver.journal.live import Live
from ccserver.journal.log import Entry

QUEUES = (QueueName("support"), QueueName("sales"))
AGENT = AgentId("1001")

LEGAL = {
    "new": ("arrived",),
    "flow": ("queued", "abandoned", "failed"),
    "waiting": ("presented", "offer_failed", "moved", "abandoned", "overflowed", "failed"),
    "ringing": ("offer_failed", "queued", "connected", "abandoned", "failed"),
    "failed_offer": ("queued",),
    "talking": ("returned", "handled"),
    "over": (),
}
AFTER = {
    "arrived": "flow",
    "queued": "waiting",
    "moved": "waiting",
    "presented": "ringing",
    "offer_failed": "failed_offer",
    "connected": "talking",
    "returned": "failed_offer",
}
DURING = {"flow": During.FLOW, "waiting": During.QUEUE, "ringing": During.RINGING}


class Customer:
    """Walks a contact along the steps that are legal for it."""

    def __init__(self, number: int) -> None:
        self.ref = ev.ContactRef(ContactId(f"a{number:02}"))
        self.place = Place(5, float(number), number)
        self.at = "new"
        self.queue = QUEUES[number % 2]
        self.queued = False

    def step(self, choice: int) -> ev.AnyEvent | None:
        legal = LEGAL[self.at]
        if not legal:
            return None
        step = legal[choice % len(legal)]
        before, self.at = self.at, AFTER.get(step, "over")
        match step:
            case "arrived":
                entry_point = EntryPointName("support")
                return ev.ContactArrived(self.ref, entry_point, "+44", "2001", LegId("c"))
            case "queued" | "moved":
                if step == "moved":
                    self.queue = QUEUES[1 - QUEUES.index(self.queue)]
                again, self.queued = self.queued, True
                return ev.ContactQueued(self.ref, self.queue, self.place, again=again)
            case "presented":
                return ev.ContactPresented(self.ref, self.queue, AGENT, LegId("a"), 0.001)
            case "offer_failed":
                return ev.ContactOfferFailed(self.ref, self.queue, AGENT, OfferFailure.BUSY)
            case "connected":
                return ev.ContactConnected(self.ref, self.queue, AGENT, LegId("a"), 1.0, 1.0)
            case "returned":
                return ev.ContactReturned(self.ref, self.queue, AGENT, "silent", 1.0)
            case _:
                during = DURING.get(before) if step == "abandoned" else None
                return ev.ContactEnded(self.ref, Outcome(step), self.queue, during=during)


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 11)), max_size=200))
def test_offered_is_what_became_of_all_plus_where_the_rest_is(steps):
    fold, live = Fold(QUEUES, (AGENT,), lambda: 1000.0), Live(QUEUES, (AGENT,))
    customers = [Customer(number) for number in range(8)]
    for seq, (who, choice) in enumerate(steps):
        event = customers[who].step(choice)
        if event is None:
            continue
        fold.apply(event)
        live.apply(Entry(seq, seq, event))
        figures = fold.figures()
        for queue in figures.queues.values():
            assert queue.offered == (
                queue.handled
                + sum(queue.abandoned.values())
                + queue.overflowed
                + queue.failed
                + queue.waiting
                + queue.being_offered
                + queue.in_service
            )
            numbers = (queue.waiting, queue.being_offered, queue.in_service)
            assert min(numbers) >= 0
        assert figures.in_flow == sum(c.at == "flow" for c in customers)
        for name in QUEUES:
            here = [c for c in customers if c.queue == name]
            shown = figures.queues[name]
            assert shown.waiting == sum(c.at in ("waiting", "failed_offer") for c in here)
            assert shown.being_offered == sum(c.at == "ringing" for c in here)
            assert shown.in_service == sum(c.at == "talking" for c in here)
            assert shown.waiting == len(live.waiting(name))
