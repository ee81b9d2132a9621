"""What a journal says of callers and agents is what they did, to a few hundredths of a second."""

from __future__ import annotations

import pytest
import trio
from msgspec.structs import replace

from actors import commands as c
from actors import events as ev
from actors import messages as m
from actors.ids import AgentId
from actors.reasons import EndedBy, OfferFailure, Outcome
from ccserver.journal import codec
from ccserver.journal.log import Journal
from ccserver.journal.storage import MemoryStorage
from ccserver.whatif.recorded import NothingRecorded, read_recorded
from tests.support.centre import DEFAULT, EPOCH, Centre, centre
from tests.support.phones import Phone

HOUR = 3600.0


def instant(seconds: float) -> int:
    """After the centre was opened, in microseconds since 1970."""
    return int((EPOCH + seconds) * 1e6)


def recorded(journal: Journal, begins: float = 0.0, ends: float = HOUR):
    return read_recorded(journal, instant(begins), instant(ends))


async def is_served(floor: Centre, phone: Phone, *, rings: float, talks: float) -> None:
    call = await phone.rings()
    await trio.sleep(rings)
    phone.answers(call)
    await call.wait("talking")
    await trio.sleep(talks)
    phone.hangs_up(call)


def about(seconds: float):
    return pytest.approx(seconds, abs=0.06)


async def test_a_conversation_is_read_with_its_ring_its_hold_and_its_wrap_up(autojump_clock):
    async with centre() as floor:
        ada = await floor.agent("1001")
        floor.phone("anna").dials("2001")
        call = await ada.rings()
        await trio.sleep(4)
        ada.answers(call)
        await call.wait("talking")
        await trio.sleep(10)
        await floor.does("1001", c.Hold())
        await trio.sleep(20)
        await floor.does("1001", c.Resume())
        await trio.sleep(30)
        ada.hangs_up(call)
        await trio.sleep(3)
        await floor.commands("1001", m.EndWrapUp())

        (course,) = recorded(floor.core.journal).courses

    (spell,), (offer,), (service,) = course.spells, course.offers, course.services
    assert (course.dialled, course.outcome, course.agent) == ("2001", Outcome.HANDLED, "1001")
    assert (spell.queue, spell.gave_up, spell.waited) == ("support", False, about(4.0))
    assert (offer.agent, offer.answered, offer.after) == ("1001", True, about(4.0))
    assert (service.talked, service.ended_by) == (about(60.1), EndedBy.AGENT)
    assert service.wrap_up == about(3.0)
    assert service.holds == [(about(10.0), about(20.05))]


async def test_who_gives_up_is_known_to_have_waited_just_so_long(autojump_clock):
    async with centre() as floor:
        anna = floor.phone("anna")
        call = await anna.calls_to("2001")
        await trio.sleep(15)
        anna.hangs_up(call)
        await trio.sleep(1)

        (course,) = recorded(floor.core.journal).courses

    assert course.outcome is Outcome.ABANDONED
    assert course.before_queue == about(2.0)  # the greeting
    assert [(s.gave_up, s.waited) for s in course.spells] == [(True, about(13.0))]
    assert course.services == course.offers == []


async def test_who_misses_an_offer_is_away_until_he_is_available_again(autojump_clock):
    async with centre() as floor:
        await floor.agent("1001")
        anna = floor.phone("anna")
        call = await anna.calls_to("2001")
        await trio.sleep(50)  # the greeting, 18 s of ringing, and half a minute
        await floor.commands("1001", m.SetAvailable())
        await trio.sleep(5)
        anna.hangs_up(call)
        await trio.sleep(1)

        found = recorded(floor.core.journal)

    missed, rang = found.courses[0].offers
    assert (missed.failure, missed.after) == (OfferFailure.RONA, about(18.0))
    assert missed.away == about(30.0)
    assert (rang.answered, rang.failure, rang.after) == (False, None, about(5.0))
    assert [wish.state for wish in found.wishes["1001"]] == ["available"]  # he wished no idle


async def test_agents_are_read_as_what_they_wished_to_be_when_they_wished_it(autojump_clock):
    async with centre() as floor:
        ada = await floor.agent("1001")
        await trio.sleep(100 - trio.current_time())
        floor.phone("anna").dials("2001")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: is_served(floor, ada, rings=2, talks=38))
            await trio.sleep(20)
            await floor.commands("1001", m.SetIdle("lunch"))  # while she talks
        await trio.sleep(100)
        await floor.commands("1001", m.SetAvailable())
        await trio.sleep(10)
        await floor.commands("1001", m.SignOut())

        wishes = recorded(floor.core.journal).wishes["1001"]

    told = [(wish.state, (wish.at - instant(0)) / 1e6) for wish in wishes]
    assert told == [
        ("available", about(0.0)),
        ("idle:lunch", about(120.0)),
        ("available", about(242.0)),
        ("signed_out", about(252.05)),
    ]


async def test_one_who_calls_somebody_himself_is_elsewhere_meanwhile(autojump_clock):
    trunk = {"name": "lan", "from": ["10.0.1.0/24"], "gateway": "10.0.1.250:5060"}
    rule = {"prefix": "0", "trunk": "lan"}
    async with centre(trunks=[trunk], dial_plan=[rule]) as floor:
        ada = await floor.agent("1001")
        outside = floor.phone("outside", "10.0.1.250")
        floor.phone("anna").dials("2003")  # somebody who can be played
        await trio.sleep(50)
        await floor.commands("1001", m.PlaceCall("0123"))
        ada.answers(await ada.rings())
        call = await outside.rings()
        outside.answers(call)
        await call.wait("talking")
        await trio.sleep(30)
        outside.hangs_up(call)
        await trio.sleep(20)

        found = recorded(floor.core.journal)

    wishes = found.wishes["1001"]
    assert [wish.state for wish in wishes] == [
        "available",
        "idle:elsewhere",  # his own phone rings, and then the number's
        "idle:elsewhere at work",
        "available",
    ]
    left_out = found.left_out
    assert (left_out.placed, left_out.elsewhere, left_out.begun_before) == (1, 1, 0)
    assert left_out.worked == about(35.0)  # he talks, and wraps up


async def test_one_whose_own_call_came_to_nothing_has_kept_his_place(autojump_clock):
    trunk = {"name": "lan", "from": ["10.0.1.0/24"], "gateway": "10.0.1.250:5060"}
    rule = {"prefix": "0", "trunk": "lan"}
    async with centre(trunks=[trunk], dial_plan=[rule]) as floor:
        ada = await floor.agent("1001")
        floor.phone("anna").dials("2003")
        await trio.sleep(50)
        await floor.commands("1001", m.PlaceCall("0123"))
        ada.rejects(await ada.rings(), 486)
        await trio.sleep(20)

        found = recorded(floor.core.journal)

    states = [wish.state for wish in found.wishes["1001"]]
    assert states == ["available", "ringing elsewhere", "available"]
    assert found.left_out.worked == 0


async def test_a_transfer_to_a_queue_is_read_as_two_conversations(autojump_clock):
    async with centre() as floor:
        ada, carla = await floor.agent("1001"), await floor.agent("1003")
        floor.phone("anna").dials("2001")
        call = await ada.rings()
        ada.answers(call)
        await call.wait("talking")
        await trio.sleep(40)
        await floor.does("1001", c.Transfer(c.ToQueue("spanish")))
        await is_served(floor, carla, rings=2, talks=25)
        await trio.sleep(1)

        (course,) = recorded(floor.core.journal).courses

    first, second = course.services
    assert (first.agent, first.onward, first.talked) == ("1001", "queue:spanish", about(40.0))
    assert (second.agent, second.queue, second.talked) == ("1003", "spanish", about(25.0))
    assert [spell.queue for spell in course.spells] == ["support", "spanish"]


async def test_only_contacts_of_the_stretch_are_read_to_their_end(autojump_clock):
    async with centre() as floor:
        ada = await floor.agent("1001")
        ben = await floor.agent("1002")
        await trio.sleep(100 - trio.current_time())
        floor.phone("early").dials("2001")
        early = await ada.rings()
        ada.answers(early)
        await trio.sleep(50)
        floor.phone("anna").dials("2001")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: is_served(floor, ben, rings=1, talks=200))
            await trio.sleep(20)
            ada.hangs_up(early)
        floor.phone("late").dials("2001")
        await trio.sleep(10)

        found = recorded(floor.core.journal, 140, 290)

    (course,) = found.courses
    assert (course.ani, course.outcome) == ("anna", Outcome.HANDLED)
    assert course.services[0].talked == about(200.0)
    assert found.left_out.begun_before == 1
    assert {name: [w.state for w in wishes] for name, wishes in found.wishes.items()} == {
        "1001": ["idle:elsewhere at work", "available"],  # with whom he had before
        "1002": ["available"],
    }
    assert found.wishes["1001"][0].at == instant(140)


async def test_the_configuration_is_the_one_by_which_most_came(autojump_clock):
    async with centre() as floor:
        await floor.phone("anna").calls_to("2001")
        await trio.sleep(1)
        await floor.reloads(queues=[{**DEFAULT["queues"][0], "weight": 7}, DEFAULT["queues"][1]])
        for name in ("ben", "carl"):
            await floor.phone(name).calls_to("2001")
        await trio.sleep(1)

        found = recorded(floor.core.journal)

    assert sorted(found.versions.values()) == [1, 2]
    assert found.settings.queues[0].weight == 7
    assert found.left_out.unended == 3
    assert [course.outcome for course in found.courses] == [None, None, None]


async def test_a_time_of_which_nothing_is_known_says_so(autojump_clock):
    async with centre() as floor:
        await floor.phone("anna").calls_to("2001")
        await trio.sleep(1)
        with pytest.raises(NothingRecorded, match="no contact came then"):
            recorded(floor.core.journal, -HOUR, 0)


async def test_who_is_asked_for_by_name_is_elsewhere_and_the_first_agent_is_done(autojump_clock):
    async with centre() as floor:
        ada = await floor.agent("1001")
        floor.phone("anna").dials("2001")
        call = await ada.rings()
        ada.answers(call)
        await call.wait("talking")
        await trio.sleep(1)
        ben = await floor.agent("1002")
        await trio.sleep(9)
        await floor.does("1001", c.Transfer(c.ToAgent(AgentId("1002"))))
        await is_served(floor, ben, rings=2, talks=60)
        await trio.sleep(10)

        found = recorded(floor.core.journal)

    (course,) = found.courses
    (service,) = course.services
    assert (service.agent, service.talked, service.onward) == ("1001", about(10.0), None)
    assert service.ended_by is EndedBy.AGENT
    assert service.by_name is not None
    assert (service.by_name.answered, service.by_name.lasted) == (True, about(62.0))
    assert (service.by_name.onward, service.by_name.returned) == (None, False)
    assert service.by_name.ended_by is EndedBy.AGENT
    assert found.left_out.by_name == 1
    assert [wish.state for wish in found.wishes["1002"]] == [
        "available",
        "idle:elsewhere",
        "idle:elsewhere at work",
        "available",
    ]


async def test_to_talk_on_when_the_customer_has_left_is_no_work(autojump_clock):
    async with centre() as floor:
        ada, ben = await floor.agent("1001"), await floor.agent("1002")
        anna = floor.phone("anna")
        call = anna.dials("2001")
        ada.answers(await ada.rings())
        await trio.sleep(10)
        await floor.does("1001", c.Consult(c.ToAgent(AgentId("1002"))))
        at_ben = await ben.rings()
        ben.answers(at_ben)
        await trio.sleep(20)
        anna.hangs_up(call)
        await trio.sleep(30)
        ben.hangs_up(at_ben)
        await trio.sleep(20)

        found = recorded(floor.core.journal)

    assert [wish.state for wish in found.wishes["1002"]] == [
        "available",
        "idle:elsewhere",
        "idle:elsewhere at work",  # he is consulted
        "idle:elsewhere",
        "available",
    ]
    assert found.left_out.worked == about(20.0)


async def test_what_cannot_be_played_again_is_counted(autojump_clock):
    """Given to an agent by somebody outside; and of no shape that is known."""
    async with centre() as floor:
        ada = await floor.agent("1001")
        floor.phone("anna").dials("2001")
        await is_served(floor, ada, rings=2, talks=5)
        await trio.sleep(1)
        kept = MemoryStorage()
        for entry in floor.core.journal.read(0, 1000):
            kept.write([(entry.seq, entry.at, "", codec.encode(_by_somebody(entry.event)))])
        kept.write([(kept.last_seq() + 1, instant(20), "", b'{"event":"contact.sung"}')])

        found = read_recorded(Kept(kept), instant(0), instant(HOUR))

    assert (len(found.courses), found.left_out.assigned, found.left_out.unread) == (1, 1, 1)


async def test_a_configuration_of_another_version_is_not_played(autojump_clock):
    async with centre() as floor:
        await floor.phone("anna").calls_to("2001")
        await trio.sleep(1)
        kept = MemoryStorage()
        for entry in floor.core.journal.read(0, 1000):
            event = entry.event
            if isinstance(event, ev.CentreConfigured):
                event = replace(event, content={**event.content, "queues": [{"nom": "support"}]})
            kept.write([(entry.seq, entry.at, "", codec.encode(event))])

        with pytest.raises(NothingRecorded, match="of another version of the server"):
            read_recorded(Kept(kept), instant(0), instant(HOUR))


def _by_somebody(event: ev.AnyEvent) -> ev.AnyEvent:
    if not isinstance(event, ev.ContactAssigned):
        return event
    return replace(event, decision=replace(event.decision, by="router"))


class Kept:
    """A journal as those see it who read its rows."""

    def __init__(self, storage: MemoryStorage) -> None:
        self.last_seq, self.rows = storage.last_seq(), storage.read
