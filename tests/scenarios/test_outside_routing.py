"""A queue whose contacts somebody outside gives away: the whole core, asked through its door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from actors import events as ev
from actors import messages as m
from actors.commands import Principal
from actors.effects import TellDispatcher
from actors.ids import QueueName
from actors.routing.outside import RouterHeard
from ccserver.journal.why import why
from tests.support.centre import DEFAULT, Centre, centre
from tests.support.door import Knocker
from tests.support.restarting import mortal_centre

ROUTER = Principal("router", "supervisor")
SUE = Principal("sue", "supervisor")
KEPT = {"routing": "external", "external_seconds": 30.0, "external_silence_seconds": 10.0}


@asynccontextmanager
async def opened(**rules: Any) -> AsyncIterator[tuple[Centre, Knocker]]:
    """The default centre, whose queue ``support`` has these rules, and somebody at its door."""
    spanish = next(queue for queue in DEFAULT["queues"] if queue["name"] == "spanish")
    queues = [{"name": "support", "needs": "english", **rules}, spanish]
    async with trio.open_nursery() as nursery, centre(queues=queues) as c:
        yield c, Knocker(c.core.door, nursery)
        nursery.cancel_scope.cancel()


async def calls(c: Centre, name: str = "anna") -> str:
    """Returns the contact's id, which waits."""
    await c.phone(name).calls_to("2001")
    await trio.sleep(4)  # the greeting
    return str(c.of(ev.ContactQueued)[-1].contact.id)


async def test_an_outside_router_reads_the_queue_and_assigns_its_contact(autojump_clock):
    async with opened(**KEPT) as (c, door):
        await c.agent("1001")
        ben = await c.agent("1002")
        contact = await calls(c)

        kept = await door.asks("queue.router_heard", by=ROUTER, queue="support")
        seen = await door.asks("queue.waiting", queue="support")

        assert (kept["ok"], kept["seconds"]) == (True, 10.0)
        (waits,) = seen["contacts"]
        assert (waits["contact"], waits["needs"], waits["priority"]) == (contact, "english", 5)
        assert 27.5 < waits["kept_seconds"] < 30.0
        assert waits["suits"] == ["1001", "1002"]
        assert [agent["agent"] for agent in seen["agents"]] == ["1001", "1002"]
        assert 9.0 < seen["router_seconds"] <= 10.0

        more = {"expect": waits["version"], "key": "k"}
        done = await door.asks("contact.assign", by=ROUTER, contact=contact, agent="1002", **more)
        again = await door.asks("contact.assign", by=ROUTER, contact=contact, agent="1002", **more)
        call = await ben.rings()
        ben.answers(call)
        await call.wait("talking")

        assert {**done, "id": 0} == {**again, "id": 0}
        assert (done["agent"], done["queue"]) == ("1002", "support")
        (assigned,) = c.of(ev.ContactAssigned)
        assert (assigned.decision.on, assigned.decision.by) == ("assignment", "router")


async def test_why_says_who_assigned_it_and_that_the_decision_follows(autojump_clock):
    async with opened(**KEPT) as (c, door):
        ada, _ = await c.agent("1001"), await c.agent("1003")
        contact = await calls(c)
        await door.asks("contact.assign", by=SUE, contact=contact, agent="1003")
        await door.asks("contact.assign", by=SUE, contact=contact, agent="1001")
        await ada.rings()

        entries = list(c.core.journal.read(0, 1_000_000))
        found = why(entries, contact, entries[-1].at)

        (moment,) = found.moments
        assert (moment.agent, moment.by, moment.agrees) == ("1001", "sue", True)
        assert (moment.on, moment.asks) == ("assignment", "english")
        first, other = moment.agents[0], next(one for one in moment.agents if one.id == "1003")
        assert (first.id, first.verdict, first.place) == ("1001", "ASSIGNED", 1)
        assert "sue assigned it to him" in first.because
        assert other.verdict == "SKILLS_MISSING"
        story = [line.text for line in found.story]
        assert "sue could not assign it to 1003: NOT_FITTING" in story
        assert "assigned to 1001 by sue, out of support" in story


async def test_a_router_that_falls_silent_leaves_its_contacts_to_the_rules(autojump_clock):
    async with opened(**KEPT) as (c, door):
        ada = await c.agent("1001")
        await door.asks("queue.router_heard", by=ROUTER, queue="support")
        contact = await calls(c)
        assert c.state("1001") == "available"
        began = trio.current_time()
        await ada.rings()
        assert 5.0 < trio.current_time() - began < 7.0
        told = [e for e in c.of(ev.RouterChanged) if e.queue == "support"]
        assert [(e.state, e.by) for e in told] == [
            ("awaited", None),
            ("present", "router"),
            ("silent", "router"),
        ]
        late = await door.asks("contact.assign", by=ROUTER, contact=contact, agent="1001")
        assert (late["refused"], late["details"]) == ("ALREADY_ASSIGNED", {"agents": "1001"})


async def test_a_contact_that_the_router_does_not_give_away_is_the_rules_in_time(autojump_clock):
    async with opened(**KEPT) as (c, door):
        ada = await c.agent("1001")
        await calls(c)
        for _ in range(4):
            await door.asks("queue.router_heard", by=ROUTER, queue="support")
            await trio.sleep(6)
        await door.asks("queue.router_heard", by=ROUTER, queue="support")
        assert c.state("1001") == "available"
        await ada.rings()
        queued = c.of(ev.ContactQueued)[0]
        waited = c.of(ev.ContactAssigned)[0].decided_at - queued.place.since
        assert waited == pytest.approx(30.0)


async def test_a_supervisor_gives_a_contact_of_any_queue_away_by_force(autojump_clock):
    async with opened(needs="spanish >= 9") as (c, door):
        ada = await c.agent("1001")
        contact = await calls(c)

        seen = await door.asks("contact.candidates", contact=contact)
        refused = await door.asks("contact.assign", by=SUE, contact=contact, agent="1001")
        force = {"agent": "1001", "force": True}
        done = await door.asks("contact.assign", by=SUE, contact=contact, **force)
        await ada.rings()

        (candidate,) = seen["agents"]
        assert (candidate["agent"], candidate["verdict"]) == ("1001", "SKILLS_MISSING")
        assert refused["refused"] == "NOT_FITTING"
        assert refused["details"]["missing"] == "spanish >= 9"
        assert done["ok"]
        assert c.of(ev.ContactAssigned)[0].decision.forced


async def test_what_cannot_be_done_is_refused_and_changes_nothing(autojump_clock):
    async with opened(**KEPT) as (c, door):
        await c.agent("1001")
        contact = await calls(c)

        async def refused(op: str, by: Principal | None = SUE, **args: Any) -> str:
            return str((await door.asks(op, by=by, **args))["refused"])

        this, ada = {"contact": contact}, {"agent": "1001"}
        agent = Principal("ada", "agent", "1001")  # type: ignore[arg-type]
        assert await refused("contact.assign", agent, **this, **ada) == "NOT_PERMITTED"
        assert await refused("contact.assign", None, **this, **ada) == "BAD_REQUEST"
        assert await refused("contact.assign", contact="none", **ada) == "UNKNOWN_CONTACT"
        assert await refused("contact.assign", **this, agent="9999") == "UNKNOWN_AGENT"
        assert await refused("contact.assign", **this, agent="1002") == "AGENT_NOT_AVAILABLE"
        assert await refused("contact.assign", **this, **ada, expect=7) == "STALE"
        assert await refused("queue.router_heard", queue="none") == "UNKNOWN_QUEUE"
        assert await refused("queue.router_heard", queue="spanish") == "NO_OUTSIDE_ROUTING"
        assert await refused("queue.router_left", queue="spanish") == "NO_OUTSIDE_ROUTING"
        assert await refused("queue.waiting", queue="none") == "UNKNOWN_QUEUE"
        assert await refused("contact.candidates", contact="none") == "CONTACT_NOT_WAITING"
        assert c.of(ev.ContactAssigned) == []
        assert [e.reason for e in c.of(ev.AssignmentRefused)] == ["AGENT_NOT_AVAILABLE", "STALE"]


async def test_a_contact_that_talks_is_not_assigned(autojump_clock):
    async with opened() as (c, door):
        ada, _ = await c.agent("1001"), await c.agent("1002")
        contact = await calls(c)
        ada.answers(await ada.rings())
        await trio.sleep(1)
        late = await door.asks("contact.assign", by=SUE, contact=contact, agent="1002")
        assert late["refused"] == "CONTACT_NOT_WAITING"


async def test_the_rules_change_while_contacts_are_kept(autojump_clock):
    """Without external routing, the queue's contacts ring at once; with it again, they wait."""
    async with opened(**KEPT) as (c, door):
        ada = await c.agent("1001")
        await calls(c)
        await door.asks("queue.router_heard", by=ROUTER, queue="support")
        spanish = next(queue for queue in DEFAULT["queues"] if queue["name"] == "spanish")
        await c.reloads(queues=[{"name": "support", "needs": "english"}, spanish])
        call = await ada.rings()
        assert c.of(ev.RouterChanged)[-1].state == "none"
        ada.rejects(call, 486)
        await trio.sleep(1)
        queue = {"name": "support", "needs": "english", **KEPT}
        await c.reloads(queues=[queue, spanish])
        await c.commands("1001", m.SetAvailable())
        await trio.sleep(1)
        assert c.state("1001") == "available"
        await door.asks("queue.router_left", by=ROUTER, queue="support")
        await ada.rings()


async def test_a_desktop_is_shown_how_the_router_stands(autojump_clock):
    async with opened(**KEPT) as (_, door):
        (queue, _other) = (await door.asks("queues"))["queues"]
        assert queue["router"]["state"] == "awaited"
        await door.asks("queue.router_heard", by=ROUTER, queue="support")
        (queue, other) = (await door.asks("queues"))["queues"]
        assert (queue["router"]["state"], queue["router"]["by"]) == ("present", "router")
        assert other["router"] is None


async def test_after_a_restart_the_router_has_time_to_say_that_it_is_there(autojump_clock):
    """What was kept for it is kept on, and is the rules' if it does not come."""
    spanish = next(queue for queue in DEFAULT["queues"] if queue["name"] == "spanish")
    queues = [{"name": "support", "needs": "english", **KEPT, "external_seconds": 300.0}, spanish]
    async with mortal_centre(queues=queues) as floor:
        ada = await floor.agent("1001")
        heard = RouterHeard(QueueName("support"), "router", "nobody")
        floor.perform(TellDispatcher(heard))
        await floor.phone("anna").calls_to("2001")
        await trio.sleep(8)
        await floor.restarts()
        began = trio.current_time()
        await ada.rings()
        assert 9.0 < trio.current_time() - began < 11.0
        told = [event.state for event in floor.of(ev.RouterChanged)]
        assert told[-2:] == ["awaited", "silent"]
