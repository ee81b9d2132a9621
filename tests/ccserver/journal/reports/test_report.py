"""Every figure of a report with an example that was computed by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from actors import events as ev
from actors.place import Place
from actors.reasons import During, EndedBy, OfferFailure, Outcome
from ccserver.journal.reports import (
    ContactFigures,
    Minutes,
    QueueFigures,
    Report,
    Rules,
    together,
)
from tests.support.reporting import ADA, BEN, SALES, SUPPORT, Chronicle, Customer

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
RULES = Rules(ZoneInfo("UTC"))


def chronicle(minutes: Minutes | None = None, rules: Rules = RULES, **more: Any) -> Chronicle:
    return Chronicle(Report(rules, minutes, **more), NINE)


def show(figures: object) -> dict[str, Any]:
    """Those that are not 0."""
    fields = type(figures).__struct_fields__  # type: ignore[attr-defined]
    shown = {name: getattr(figures, name) for name in fields}
    shown |= {
        name: {key: value for key, value in found.items() if value}
        for name, found in shown.items()
        if isinstance(found, dict)
    }
    return {name: value for name, value in shown.items() if value}


def balances(figures: QueueFigures) -> bool:
    gone = figures.handled + figures.abandoned + figures.short + figures.overflowed + figures.failed
    there = figures.waiting + figures.being_offered + figures.in_service
    return figures.carried_in + figures.offered == gone + there


def a_good_call(told: Chronicle) -> None:
    """Waits 10 s, of which Ada's phone rings 4; talks 60, is held 20, talks 10; Ada wraps up 8."""
    told.agent(0, ADA, "available")
    one = Customer(told, "c1", 0)
    one.waits(2)
    told.agent(8, ADA, "reserved", contact="c1", queue=SUPPORT)
    one.rings(8)
    one.talks(12)
    told.agent(12, ADA, "engaged", contact="c1", queue=SUPPORT)
    one.is_in(72, "held", customer="held", **{ADA: "held"})
    one.is_in(92, "connected", customer="connected", **{ADA: "connected"})
    one.hangs_up(102, Outcome.HANDLED, agent=ADA)
    told.agent(102, ADA, "wrap_up", contact="c1", queue=SUPPORT)
    told.tell(110, ev.WrapUpEnded(ADA, one.ref.id, SUPPORT, 8.0, "resolved"))
    told.agent(110, ADA, "available")


def test_a_call_that_goes_well_of_its_queue():
    told = chronicle()
    a_good_call(told)
    figures = told.ends(200).queues()["support"]
    assert show(figures) == {
        "offered": 1,
        "handled": 1,
        "answered": 1,
        "answer_wait": 10.0,
        "answer_ring": 4.0,
        "longest_wait": 10.0,
        "level_answered": 1,
        "conversations": 1,
        "talk": 70.0,
        "hold": 20.0,
        "wrap_up": 8.0,
        "wrap_ups": 1,
        "apportioned_waiting": 6.0,
        "apportioned_ringing": 4.0,
        "apportioned_talk": 70.0,
        "apportioned_hold": 20.0,
        "apportioned_wrap_up": 8.0,
    }
    assert figures.asa == 10.0
    assert figures.aht == 98.0  # 70 + 20 + 8
    assert figures.service_level("negative") == 1.0
    assert figures.abandonment == 0.0


def test_a_call_that_goes_well_of_its_agent():
    told = chronicle()
    a_good_call(told)
    figures = told.ends(200).agents()[ADA]
    assert show(figures) == {
        "offered": 1,
        "answered": 1,
        "conversations": 1,
        "talk": 70.0,
        "hold": 20.0,
        "wrap_up": 8.0,
        "wrap_ups": 1,
        "apportioned_talk": 70.0,
        "apportioned_hold": 20.0,
        "apportioned_wrap_up": 8.0,
        "signed_in": 200.0,
        "available": 98.0,
        "reserved": 4.0,
        "engaged": 90.0,
        "wrapping_up": 8.0,
    }
    assert figures.aht == 98.0
    assert figures.occupancy == 98.0 / (98.0 + 98.0)
    assert figures.utilisation == 98.0 / 200.0
    assert told.report.agents()[BEN].occupancy is None


def test_a_call_that_goes_well_by_itself():
    rows: list[ContactFigures] = []
    told = chronicle(contacts=rows.append)
    a_good_call(told)
    told.is_heard()
    (row,) = rows  # as the wrap-up has ended, and not only at the end of the report
    assert (row.arrived, row.ended) == (told.at(0), told.at(102))
    assert (row.direction, row.entry_point, row.ani, row.dnis) == ("inbound", "main", "+44", "2001")
    assert (row.queues, row.agents, row.outcome) == (["support"], [ADA], Outcome.HANDLED)
    assert (row.waiting, row.ringing, row.talk, row.hold) == (6.0, 4.0, 70.0, 20.0)
    assert (row.wrap_up, row.wrap_up_code) == (8.0, "resolved")
    assert (row.termination, row.ended_by) == ("customer_left", EndedBy.CUSTOMER)


# --- abandons and the service level ---------------------------------------------------------------


def four_abandons(told: Chronicle) -> None:
    Customer(told, "new", 0).hangs_up(3, Outcome.ABANDONED, During.FLOW)
    greeted = Customer(told, "treatment", 0)
    greeted.is_answered_by_us(1)
    greeted.hangs_up(9, Outcome.ABANDONED, During.FLOW)
    waited = Customer(told, "queue", 0)
    waited.waits(2)
    waited.hangs_up(32, Outcome.ABANDONED, During.QUEUE)
    rang = Customer(told, "agent_connect", 0)
    rang.waits(2)
    rang.rings(4)
    rang.hangs_up(10, Outcome.ABANDONED, During.RINGING)


def test_abandons_have_one_of_four_types():
    rows: list[ContactFigures] = []
    told = chronicle(contacts=rows.append)
    four_abandons(told)
    queues = told.ends(60).queues()
    assert show(queues[""]) == {
        "offered": 2,
        "abandoned_new": 1,
        "abandoned_treatment": 1,
    }
    support = queues["support"]
    assert (support.offered, support.abandoned) == (2, 2)
    assert (support.abandoned_queue, support.abandoned_agent_connect) == (1, 1)
    assert support.abandon_wait == 30.0 + 8.0
    assert support.longest_wait == 30.0
    assert support.abandonment == 1.0
    assert {row.contact: row.abandon_type for row in rows} == {
        name: name for name in ("new", "treatment", "queue", "agent_connect")
    }
    assert told.report.agents()[ADA].withdrawn == 1


def test_who_gives_up_at_once_made_a_short_call_and_has_not_abandoned():
    told = chronicle(rules=Rules(ZoneInfo("UTC"), short_call_seconds=9.0))
    four_abandons(told)
    queues = told.ends(60).queues()
    assert (queues[""].short, queues[""].abandoned) == (2, 0)
    assert (queues["support"].short, queues["support"].abandoned) == (0, 2)
    assert balances(queues[""])


def test_the_service_level_counts_abandons_in_one_of_three_ways():
    """Answered after 10 s, after 30 s; given up after 8 s and after 30 s: the threshold is 20 s."""
    told = chronicle()
    for name, wait in (("early", 10), ("late", 30)):
        one = Customer(told, name, 0)
        one.waits(0)
        one.rings(wait - 1)
        one.talks(wait)
        one.hangs_up(50, Outcome.HANDLED, agent=ADA)
    four_abandons(told)
    figures = told.ends(60).queues()["support"]
    assert (figures.level_answered, figures.level_abandoned, figures.level_missed) == (1, 1, 2)
    assert figures.service_level("ignored") == pytest.approx(1 / 3)
    assert figures.service_level("negative") == pytest.approx(1 / 4)
    assert figures.service_level("positive") == pytest.approx(2 / 4)


def test_a_wait_is_missed_in_the_interval_in_which_it_becomes_too_long():
    """He comes at 09:14:50; the threshold is reached at 09:15:10; he is answered at 09:31."""
    told = chronicle(15)
    one = Customer(told, "c1", 890)
    one.waits(890)
    one.rings(1855)
    one.talks(1860)
    one.hangs_up(1900, Outcome.HANDLED, agent=ADA)
    levels = [each.queues["support"].level_missed for each in told.ends(2700).intervals()]
    assert levels == [0, 1, 0]


def test_who_overflows_within_the_threshold_says_nothing_of_the_service_level():
    told = chronicle()
    one = Customer(told, "c1", 0)
    one.waits(0)
    one.hangs_up(5, Outcome.OVERFLOWED, by=EndedBy.SYSTEM, reason="full")
    figures = told.ends(60).queues()["support"]
    assert (figures.overflowed, figures.service_level("negative")) == (1, None)


# --- intervals ------------------------------------------------------------------------------------


def test_a_long_call_counts_where_it_ends_and_is_apportioned_to_where_it_was():
    """From 09:10 to 09:50: 5 min in the first quarter, 15 in the next two, 5 in the last."""
    told = chronicle(15)
    one = Customer(told, "c1", 600)
    one.waits(600)
    one.rings(600)
    one.talks(600)
    told.agent(600, ADA, "engaged", contact="c1")
    one.hangs_up(3000, Outcome.HANDLED, agent=ADA)
    told.agent(3000, ADA, "available")
    closed = told.ends(3600).intervals()
    support = [each.queues["support"] for each in closed]
    ada = [each.agents[ADA] for each in closed]
    assert [each.start - told.zero for each in closed] == [n * 900_000_000 for n in range(4)]
    assert [each.talk for each in support] == [0, 0, 0, 2400.0]
    assert [each.apportioned_talk for each in support] == [300.0, 900.0, 900.0, 300.0]
    assert [each.talk for each in ada] == [0, 0, 0, 2400.0]
    assert [each.apportioned_talk for each in ada] == [300.0, 900.0, 900.0, 300.0]
    assert [each.signed_in for each in ada] == [300.0, 900.0, 900.0, 900.0]
    assert [(each.carried_in, each.offered, each.in_service) for each in support] == [
        (0, 1, 1),
        (1, 0, 1),
        (1, 0, 1),
        (1, 0, 0),
    ]
    assert all(balances(each) for each in support)
    whole = told.report.queues()["support"]
    assert (whole.offered, whole.handled, whole.carried_in, whole.in_service) == (1, 1, 0, 0)


def test_who_still_talks_and_who_still_waits_at_the_end_is_there():
    rows: list[ContactFigures] = []
    told = chronicle(contacts=rows.append)
    talking = Customer(told, "c1", 0)
    talking.waits(0)
    talking.rings(1)
    talking.talks(5)
    waiting = Customer(told, "c2", 20)
    waiting.waits(20)
    figures = told.ends(65).queues()["support"]
    assert (figures.in_service, figures.waiting, figures.longest_waiting) == (1, 1, 45.0)
    assert (figures.apportioned_talk, figures.talk, figures.conversations) == (60.0, 0.0, 0)
    assert figures.level_missed == 1
    assert balances(figures)
    assert {row.contact: (row.ended, row.talk, row.waiting) for row in rows} == {
        "c1": (None, 60.0, 1.0),
        "c2": (None, 0.0, 45.0),
    }


def test_a_window_begins_with_who_was_there_and_ends_with_who_is_there():
    rows: list[ContactFigures] = []
    told = chronicle(
        begin=int(NINE.timestamp() + 60) * 1_000_000,
        end=int(NINE.timestamp() + 120) * 1_000_000,
        contacts=rows.append,
    )
    told.agent(10, ADA, "idle", code="lunch")
    before = Customer(told, "before", 0)
    before.waits(0)
    before.hangs_up(50, Outcome.ABANDONED, During.QUEUE)
    through = Customer(told, "through", 5)
    through.waits(5)
    through.rings(70)
    through.talks(80)
    through.hangs_up(130, Outcome.HANDLED, agent=ADA)
    Customer(told, "after", 125).waits(126)
    report = told.ends(200)
    figures = report.queues()["support"]
    assert (figures.carried_in, figures.offered, figures.in_service) == (1, 0, 1)
    assert (figures.answered, figures.answer_wait) == (1, 75.0)
    assert (figures.apportioned_waiting, figures.apportioned_talk) == (10.0, 40.0)
    assert report.agents()[ADA].idle_codes == {"lunch": 60.0}
    assert [row.contact for row in rows] == ["through"]


def test_a_clock_that_is_set_back_adds_no_time_and_loses_nobody():
    told = chronicle(15)
    one = Customer(told, "c1", 890)
    one.waits(905)
    told.is_heard()
    one.hangs_up(880, Outcome.ABANDONED, During.QUEUE)
    closed = told.ends(1000).intervals()
    assert [each.queues["support"].abandoned for each in closed] == [0, 1]
    assert closed[1].queues["support"].apportioned_waiting == 0.0


def test_an_interval_in_which_nothing_happens_is_there():
    told = chronicle(15)
    told.agent(0, ADA, "available")
    told.agent(2700, ADA, "signed_out")
    closed = told.ends(2700).intervals()
    assert [each.agents[ADA].available for each in closed[:3]] == [900.0] * 3


def test_a_day_of_23_hours_has_23_hours_of_an_agent_who_is_there_all_day():
    zone = ZoneInfo("Europe/Sofia")
    report = Report(Rules(zone), 1440)
    told = Chronicle(report, datetime(2026, 3, 29, tzinfo=zone))
    told.agent(0, ADA, "available")
    told.agent(40 * 3600, ADA, "signed_out")
    days = told.ends(40 * 3600).intervals()
    assert [each.agents[ADA].available / 3600 for each in days] == [23.0, 17.0]


# --- several parties ------------------------------------------------------------------------------


def test_a_consult_is_time_of_who_consults_and_of_who_is_consulted_and_hold_for_the_customer():
    """Talks 30; asks for Ben 5; consults 20; Ben takes over after a conference of 10; talks 15."""
    told = chronicle()
    one = Customer(told, "c1", 0)
    one.waits(0)
    one.rings(0)
    one.talks(0)
    told.tell(30, ev.ConsultRequested(one.ref, ADA, "agent:1002"))
    one.is_in(30, "consult_requested", customer="held", **{ADA: "consult_requested"})
    told.tell(35, ev.ConsultAnswered(one.ref, ADA, BEN, 5.0))
    both = {ADA: "consulting", BEN: "consulted"}
    one.is_in(35, "consulting", customer="held", consulted=BEN, **both)
    one.is_in(55, "conference", customer="conference", **{ADA: "conference", BEN: "conference"})
    told.tell(65, ev.ContactTransferred(one.ref, ADA, "agent:1002", "consult"))
    one.is_in(65, "connected", customer="connected", **{BEN: "connected"})
    one.hangs_up(80, Outcome.HANDLED, agent=BEN)
    report = told.ends(100)
    support, ada, ben = report.queues()["support"], report.agents()[ADA], report.agents()[BEN]
    assert (support.talk, support.hold, support.consult) == (55.0, 25.0, 25.0)
    assert (support.consults, support.consults_answered, support.conferences) == (1, 1, 1)
    assert (support.transfers_consult, support.transfers_to["agent"]) == (1, 1)
    assert (ada.talk, ada.hold, ada.consult, ada.consulted) == (40.0, 0.0, 25.0, 0.0)
    assert (ada.consults, ada.consults_answered, ada.conferences) == (1, 1, 1)
    assert (ben.talk, ben.consulted, ben.consulted_times, ben.conversations) == (25.0, 20.0, 1, 1)
    assert support.conversations == 1


def test_post_call_is_neither_talk_nor_hold():
    told = chronicle()
    one = Customer(told, "c1", 0)
    one.waits(0)
    one.rings(0)
    one.talks(0)
    one.is_in(10, "conference", customer="conference", **{ADA: "conference", BEN: "conference"})
    one.is_in(30, "post_call", **{ADA: "post_call", BEN: "post_call"})
    one.hangs_up(42, Outcome.HANDLED, agent=ADA)
    report = told.ends(60)
    support = report.queues()["support"]
    assert (support.talk, support.post_call, support.post_calls, support.aht) == (30, 12, 1, 42)
    assert report.agents()[BEN].post_call == 12.0
    assert report.agents()[BEN].utilisation is None


def test_a_supervisor_who_listens_is_in_no_conversation_and_his_time_is_monitoring():
    told = chronicle()
    one = Customer(told, "c1", 0)
    one.waits(0)
    one.rings(0)
    one.talks(0)
    parties = (
        ev.Participant("customer", "customer", "", "connected", (), 0.0),
        ev.Participant(ADA, "agent", "primary", "connected", (), 0.0),
        ev.Participant(BEN, "supervisor", "", "connected", (), 0.0),
    )
    told.tell(10, ev.ContactStateChanged(one.ref, 2, "connected", "connected", 0.0, parties))
    one.hangs_up(25, Outcome.HANDLED, agent=ADA)
    report = told.ends(60)
    assert show(report.agents()[BEN]) == {"monitoring": 15.0, "apportioned_monitoring": 15.0}
    assert report.queues()["support"].conferences == 0


def test_a_consult_to_a_queue_that_nobody_answers_is_requested_and_no_more():
    told = chronicle()
    one = Customer(told, "c1", 0)
    one.waits(0)
    one.rings(0)
    one.talks(0)
    told.tell(10, ev.ConsultRequested(one.ref, ADA, "queue:sales"))
    one.is_in(10, "consult_requested", customer="held", **{ADA: "consult_requested"})
    one.is_in(40, "held", customer="held", **{ADA: "held"})
    one.hangs_up(50, Outcome.HANDLED, agent=ADA)
    report = told.ends(60)
    support, ada = report.queues()["support"], report.agents()[ADA]
    assert (support.consults, support.consults_to_queue, support.consults_answered) == (1, 1, 0)
    assert (support.consult, support.hold) == (30.0, 40.0)
    assert (ada.consult, ada.hold, ada.consults_to_queue) == (30.0, 10.0, 1)


def test_a_transfer_to_another_queue_is_handled_here_and_offered_there():
    told = chronicle()
    one = Customer(told, "c1", 0)
    one.waits(0)
    one.rings(0)
    one.talks(5)
    told.tell(25, ev.ContactTransferred(one.ref, ADA, "queue:sales", "blind"))
    one.is_in(25, "over")
    told.tell(25, ev.ContactLeftQueue(one.ref, SUPPORT, ADA, 20.0))
    one.waits(25, SALES)
    one.rings(30, BEN)
    one.talks(35, BEN)
    one.hangs_up(37, Outcome.HANDLED, agent=BEN, by=EndedBy.AGENT)
    report = told.ends(60)
    support, sales = report.queues()["support"], report.queues()["sales"]
    assert (support.offered, support.handled, support.talk) == (1, 1, 20.0)
    assert (support.transfers_blind, support.transfers_to["queue"]) == (1, 1)
    assert (sales.offered, sales.handled, sales.talk, sales.asa) == (1, 1, 2.0, 10.0)
    assert (support.sudden_disconnects, sales.sudden_disconnects) == (0, 1)
    assert report.agents()[BEN].sudden_disconnects == 1
    both = together(report.queues())
    assert (both.offered, both.handled, both.talk) == (2, 2, 22.0)


def test_the_time_in_which_a_transfer_rings_is_hold_of_the_customer_and_nobodys_work():
    told = chronicle()
    one = Customer(told, "c1", 0)
    one.waits(0)
    one.rings(0)
    one.talks(0)
    told.tell(20, ev.ContactTransferred(one.ref, ADA, "agent:1002", "blind"))
    one.is_in(20, "over")
    one.talks(27, BEN)
    one.hangs_up(40, Outcome.HANDLED, agent=BEN)
    report = told.ends(60)
    support = report.queues()["support"]
    assert (support.talk, support.hold, support.answered) == (33.0, 7.0, 1)
    assert (report.agents()[ADA].talk, report.agents()[BEN].talk) == (20.0, 13.0)
    assert (report.agents()[BEN].offered, report.agents()[BEN].answered) == (1, 1)


def test_a_customer_who_lost_his_agent_is_requeued_and_answered_once():
    told = chronicle()
    one = Customer(told, "c1", 0)
    one.waits(0)
    one.rings(0)
    one.talks(4)
    one.is_in(34, "over")
    told.tell(34, ev.ContactReturned(one.ref, SUPPORT, ADA, "silent", 30.0))
    one.waits(34, again=True)
    one.rings(36, BEN)
    one.talks(40, BEN)
    one.hangs_up(50, Outcome.HANDLED, agent=BEN)
    figures = told.ends(60).queues()["support"]
    assert (figures.offered, figures.handled, figures.requeued) == (1, 1, 1)
    assert (figures.answered, figures.answer_wait) == (1, 4.0)
    assert (figures.conversations, figures.talk) == (2, 40.0)


# --- offers, overflows, calls that agents place ---------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "field"),
    [
        (OfferFailure.RONA, "missed"),
        (OfferFailure.NO_ANSWER, "missed"),
        (OfferFailure.DECLINED, "rejected"),
        (OfferFailure.BUSY, "offer_errors"),
    ],
)
def test_an_offer_that_fails_is_missed_rejected_or_an_error(reason, field):
    told = chronicle()
    one = Customer(told, "c1", 0)
    one.waits(0)
    one.rings(1)
    one.fails(19, reason)
    one.waits(19, again=True)
    report = told.ends(60)
    ada, support = report.agents()[ADA], report.queues()["support"]
    assert show(ada) == {"offered": 1, field: 1}
    assert (getattr(support, field), support.offered, support.waiting) == (1, 1, 1)


def test_another_queue_that_takes_the_customer_over_is_an_overflow_of_the_first():
    told = chronicle()
    one = Customer(told, "c1", 0)
    one.waits(0)
    told.tell(40, ev.ContactDiverted(one.ref, SUPPORT, "waited", "queue:sales", True, 40.0))
    one.waits(40, SALES)
    queues = told.ends(60).queues()
    assert (queues["support"].overflowed, queues["support"].diverted) == (1, 1)
    assert (queues["support"].longest_wait, queues["support"].level_missed) == (40.0, 1)
    assert (queues["sales"].offered, queues["sales"].waiting) == (1, 1)
    assert all(balances(each) for each in queues.values())


def test_a_caller_who_has_his_place_again_is_offered_again_and_said_to_have_regained_it():
    rows: list[ContactFigures] = []
    told = chronicle(contacts=rows.append)
    first = Customer(told, "c1", 0)
    first.waits(0)
    first.hangs_up(10, Outcome.ABANDONED, During.QUEUE)
    again = Customer(told, "c2", 20)
    place = Place(5, 0.0, 1)
    told.tell(20, ev.ContactQueued(again.ref, SUPPORT, place, regained=first.ref.id))
    figures = told.ends(50).queues()["support"]
    assert (figures.offered, figures.regained, figures.waiting) == (2, 1, 1)
    assert figures.longest_waiting == 30.0  # here; his place is older
    assert [row.regained for row in rows] == [False, True]


def test_a_call_that_an_agent_places_is_his_and_no_queues():
    rows: list[ContactFigures] = []
    told = chronicle(contacts=rows.append)
    one = Customer(told, "c1", 0, placed_by=ADA)
    told.tell(12, ev.ContactReached(one.ref, ADA, one.ref.id, 9.0))  # type: ignore[arg-type]
    one._connected = 12
    told.tell(20, ev.ConsultRequested(one.ref, ADA, "agent:1002"))
    one.is_in(12, "connected", customer="connected", **{ADA: "connected"})
    one.hangs_up(42, Outcome.HANDLED, agent=ADA)
    report = told.ends(60)
    ada = report.agents()[ADA]
    assert show(together(report.queues())) == {}
    assert (ada.placed, ada.reached, ada.answered, ada.conversations, ada.talk) == (1, 1, 0, 1, 30)
    assert ada.aht == 30.0
    assert (ada.consults, ada.consults_outbound) == (1, 1)
    assert (rows[0].direction, rows[0].ani, rows[0].ringing, rows[0].talk) == (
        "outbound",
        "+442",
        9.0,
        30.0,
    )
