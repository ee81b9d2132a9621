"""A day played again: as it was by the same rules, and otherwise by others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest
import trio

from actors import commands as c
from actors import events as ev
from actors import messages as m
from actors.ids import AgentId
from actors.reasons import OfferFailure, Outcome
from ccserver.settings import Settings
from ccserver.whatif.courses import SECOND, Course, Courses, Offer
from ccserver.whatif.people import People
from ccserver.whatif.presence import Wish
from ccserver.whatif.recorded import Recorded, read_recorded
from ccserver.whatif.replayed import Replayed, Used
from tests.support.centre import centre
from tests.support.phones import Call, Phone
from tests.support.recorded_day import BEGINS, ENDS, quiet_day
from tests.support.telephone_day import always, day, settings


def played(
    recorded: Recorded,
    rules: Settings | None = None,
    wishes: Mapping[AgentId, Sequence[Wish]] | None = None,
    hear: Callable[[ev.AnyEvent], None] = lambda event: None,
) -> tuple[list[Course], Used]:
    """What becomes of everybody by these rules, and with these agents, or those of the day."""
    courses = Courses()

    def heard(at: int, event: ev.AnyEvent) -> None:
        courses.apply(at, event)
        hear(event)

    people = People(recorded.courses)
    wanted = recorded.wishes if wishes is None else wishes
    used = Replayed(recorded, people, rules or recorded.settings, wanted, heard).play()
    return list(courses.by_id.values()), used


def story(course: Course) -> tuple[object, ...]:
    """What became of it, with times to the tenth of a second."""
    return (
        course.id,
        course.outcome,
        course.queue,
        [(offer.agent, offer.failure, offer.answered) for offer in course.offers],
        [service.agent for service in course.services],
    )


@pytest.mark.parametrize("seed", [2, 5])
async def test_by_the_same_rules_every_contact_goes_where_it_went(seed, autojump_clock):
    """Everybody gives up, or is answered, as he was: nothing had to be drawn."""
    async with quiet_day(seed) as floor:
        recorded = read_recorded(floor.core.journal, BEGINS, ENDS)

    again, used = played(recorded)

    assert [story(course) for course in again] == [story(course) for course in recorded.courses]
    for one, other in zip(again, recorded.courses, strict=True):
        assert one.waited == pytest.approx(other.waited, abs=0.05)
        assert one.lasted == pytest.approx(other.lasted, abs=0.05)
    assert used == Used(patience=0, conversations=0)
    assert any(offer.failure for course in recorded.courses for offer in course.offers)
    assert {course.outcome for course in recorded.courses} >= {"handled", "abandoned"}


async def test_holds_transfers_and_the_end_of_wrap_up_come_again(autojump_clock):
    """To the agent's buttons the machines answer again as they did."""
    async with centre() as floor:
        ada, carla = await floor.agent("1001"), await floor.agent("1003")
        floor.phone("anna").dials("2001")
        call = await ada.rings()
        await trio.sleep(3)
        ada.answers(call)
        await call.wait("talking")
        await trio.sleep(10)
        await floor.does("1001", c.Hold())
        await trio.sleep(20)
        await floor.does("1001", c.Resume())
        await trio.sleep(10)
        await floor.does("1001", c.Transfer(c.ToQueue("spanish")))
        await trio.sleep(2)
        await floor.commands("1001", m.EndWrapUp())
        at_carla = await carla.rings()
        carla.answers(at_carla)
        await at_carla.wait("talking")
        await trio.sleep(30)
        carla.hangs_up(at_carla)
        await trio.sleep(20)
        recorded = read_recorded(floor.core.journal, BEGINS, ENDS)

    (again,), used = played(recorded)

    (before,) = recorded.courses
    assert used == Used()
    assert story(again) == story(before)
    first, second = again.services
    assert (first.onward, second.onward) == ("queue:spanish", None)
    assert first.holds == [(pytest.approx(10.0, abs=0.1), pytest.approx(20.05, abs=0.1))]
    assert first.wrap_up == pytest.approx(2.0, abs=0.1)
    assert second.wrap_up is None  # five seconds, by the timer
    assert again.lasted == pytest.approx(before.lasted, abs=0.1)


async def test_who_was_given_to_somebody_by_name_comes_back_when_he_did(autojump_clock):
    """The one who was asked for sends him to another queue, and there he is served again."""
    async with centre() as floor:
        ada, ben = await floor.agent("1001"), await floor.agent("1002")
        carla = await floor.agent("1003")
        floor.phone("anna").dials("2001")
        await answers(ada, talks=10)
        await floor.does("1001", c.Transfer(c.ToAgent(AgentId("1002"))))
        await answers(ben, talks=40)
        await floor.does("1002", c.Transfer(c.ToQueue("spanish")))
        carla.hangs_up(await answers(carla, talks=30))
        await trio.sleep(20)
        recorded = read_recorded(floor.core.journal, BEGINS, ENDS)

    (again,), _ = played(recorded)

    (before,) = recorded.courses
    assert [service.agent for service in again.services] == ["1001", "1003"]
    assert story(again) == story(before)
    assert again.waited == pytest.approx(before.waited, abs=0.05)
    assert again.lasted == pytest.approx(before.lasted, abs=0.1)


async def test_who_was_given_to_one_who_does_not_answer_is_back_at_his_place(autojump_clock):
    async with centre() as floor:
        ada, ben = await floor.agent("1001"), await floor.agent("1002")
        floor.phone("anna").dials("2001")
        await answers(ada, talks=10)
        await floor.does("1001", c.Transfer(c.ToAgent(AgentId("1002"))))
        ben.rejects(await ben.rings(), 603)
        ada.hangs_up(await answers(ada, talks=20))
        await trio.sleep(20)
        recorded = read_recorded(floor.core.journal, BEGINS, ENDS)

    (again,), _ = played(recorded)

    (before,) = recorded.courses
    assert [service.agent for service in again.services] == ["1001", "1001"]
    assert story(again) == story(before)
    assert again.lasted == pytest.approx(before.lasted, abs=0.1)


async def answers(phone: Phone, *, talks: float) -> Call:
    """When it rings next; and so many seconds later, the call goes on."""
    call = await phone.rings()
    phone.answers(call)
    await call.wait("talking")
    await trio.sleep(talks)
    return call


def test_who_may_not_be_sent_on_any_more_parts_from_his_agent():
    recorded = day(1, 1, between=30.0, talks=60.0)
    recorded.courses[0].services[0].onward = "queue:support"
    agents = [{"id": "1001", "secret": "s", "permissions": ["hold"]}]

    (course,), _ = played(recorded, settings(1, agents=agents), wishes=always(settings(1)))

    assert (course.outcome, len(course.services)) == (Outcome.HANDLED, 1)
    assert course.services[0].talked == pytest.approx(recorded.courses[0].services[0].talked)


def test_who_goes_home_while_his_phone_rings_goes_when_it_does_no_more():
    recorded = day(1, 1, between=30.0, talks=60.0)
    (course,) = recorded.courses
    course.offers[0].after = 10.0
    home = Wish(course.arrived + 5 * SECOND, "signed_out")
    wishes = {AgentId("1001"): [Wish(recorded.begins, "available"), home]}
    heard: list[ev.AnyEvent] = []

    played(recorded, wishes=wishes, hear=heard.append)

    states = [(e.state, e.pending) for e in heard if isinstance(e, ev.AgentStateChanged)]
    assert states == [
        ("available", None),
        ("reserved", None),
        ("engaged", None),
        ("engaged", "signed_out"),
        ("wrap_up", "signed_out"),
        ("signed_out", None),
    ]


def test_a_customer_whom_a_rule_sends_outside_is_answered_there():
    recorded = day(1, 0, between=30.0, talks=60.0)
    rules = settings(
        0,
        queues=[
            {"name": "support", "overflows": [{"when": "waited", "seconds": 20, "number": "0123"}]}
        ],
        trunks=[{"name": "lan", "from": ["10.0.0.0/8"], "gateway": "10.0.0.1:5060"}],
        dial_plan=[{"prefix": "0", "trunk": "lan"}],
    )

    (course,), _ = played(recorded, rules, wishes={})

    assert course.diverted == ["number:0123"]
    assert course.lasted == pytest.approx(20 + 5 + 180)


def test_a_rule_on_the_estimated_wait_is_obeyed():
    """It is known when some have been served; who comes then is let go at the door."""
    recorded = day(200, 2, between=20.0, talks=60.0)
    rule = {"when": "estimated_wait", "seconds": 60, "busy": 486}
    rules = settings(2, queues=[{"name": "support", "diversions": [rule]}])

    courses, _ = played(recorded, rules, wishes=always(rules))

    turned_away = [course for course in courses if course.diverted]
    assert 20 < len(turned_away) < 150
    longest = max(course.waited for course in courses)
    assert longest < 0.5 * max(course.waited for course in played(recorded)[0])


def test_all_phones_that_rang_ring_again_and_the_same_agent_answers():
    recorded = day(3, 3, between=300.0, talks=60.0)
    for course, agent in zip(recorded.courses, ("1003", "1002", "1003"), strict=True):
        course.offers[0] = Offer(AgentId(agent), 0, 4.0, answered=True)
    rules = settings(3, queues=[{"name": "support", "strategy": "ring_all"}])

    courses, _ = played(recorded, rules, wishes=always(rules))

    assert [course.agent for course in courses] == ["1003", "1002", "1003"]
    assert [course.waited for course in courses] == [4.0, 4.0, 4.0]


def test_a_phone_that_refused_refuses_again_whosever_it_is():
    recorded = day(1, 2, between=300.0, talks=60.0)
    (course,) = recorded.courses
    declined = Offer(AgentId("1001"), 0, 2.0, failure=OfferFailure.DECLINED, away=30.0)
    course.offers.insert(0, declined)
    heard: list[ev.AnyEvent] = []

    (again,), _ = played(recorded, hear=heard.append)

    assert [(o.agent, o.failure, o.answered) for o in again.offers] == [
        ("1001", OfferFailure.DECLINED, False),
        ("1002", None, True),
    ]
    idle = [e for e in heard if isinstance(e, ev.AgentStateChanged) and e.agent == "1001"]
    assert [(e.state, e.code) for e in idle] == [
        ("available", None),
        ("reserved", None),
        ("idle", "agent_declined"),
        ("available", None),
    ]
    assert idle[-1].lasted == pytest.approx(30.0)


def test_who_waits_longer_than_anybody_was_seen_to_is_counted():
    recorded = day(60, 2, between=30.0, talks=70.0)
    for course in recorded.courses:
        course.spells[0].waited = 20.0  # and was answered then
    one = settings(1)

    courses, used = played(recorded, one, wishes=always(one))

    longer = sum(course.waited > 21.0 for course in courses)
    assert longer > 20
    assert (used.beyond_all, used.patience) == (longer, longer)
    assert used.gave_up_beyond == 0, "nobody gave up all day"


def test_who_gives_up_where_nothing_is_known_any_more_is_counted():
    recorded = day(60, 2, between=30.0, talks=70.0)
    for place, course in enumerate(recorded.courses):
        course.spells[0].waited = 20.0
        if place % 2:
            course.spells[0].waited, course.spells[0].gave_up = 15.0, True
            course.services = []
            course.offers = []
    one = settings(1)

    courses, used = played(recorded, one, wishes=always(one))

    beyond = [course for course in courses if course.waited >= 21.0 - 1e-6]
    given_up = sum(course.outcome is Outcome.ABANDONED for course in beyond)
    assert used.beyond_all == len(beyond)
    assert 0 < given_up == used.gave_up_beyond < len(beyond)
