"""The configuration is read again while people call, wait, ring and talk (R20)."""

from __future__ import annotations

from typing import Any

import trio

from actors import commands as c
from actors import events as ev
from actors.ids import AgentId, QueueName
from actors.reasons import Outcome, Refusal
from ccserver.settings.content import content_of, version_of
from tests.support.centre import DEFAULT, Centre, centre


def agent(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "secret": f"secret-{name}", **more}


def without(table: str, name: str) -> dict[str, Any]:
    """The default configuration's table without this element."""
    return {table: [e for e in DEFAULT[table] if name not in (e.get("id"), e.get("name"))]}


def with_skills(name: str, skills: dict[str, int]) -> dict[str, Any]:
    agents = [{**a, "skills": skills} if a["id"] == name else a for a in DEFAULT["agents"]]
    return {"agents": agents}


def requiring(skills: dict[str, int], **more: Any) -> dict[str, Any]:
    """The queue ``support`` asks for something else."""
    queue = {"name": "support", "requirements": skills, **more}
    return {"queues": [queue, DEFAULT["queues"][1]]}


NO_SUPPORT = {**without("queues", "support"), **without("entry_points", "support")}


async def waiting(floor: Centre, number: str = "2001") -> tuple[Any, Any]:
    """A customer who has heard the greeting, and waits."""
    anna = floor.phone("anna")
    call = await anna.calls_to(number)
    await trio.sleep(5)
    return anna, call


async def talking(floor: Centre, phone: Any) -> Any:
    """The agent's side of a call."""
    offered = await phone.rings()
    phone.answers(offered)
    await offered.wait("talking")
    await trio.sleep(0.1)
    return offered


# --- what is said of it -----------------------------------------------------------------------


async def test_a_reload_is_recorded_with_its_content_and_what_it_has_changed(autojump_clock):
    async with centre() as floor:
        answer = await floor.reloads(**with_skills("1002", {"english": 9}))

        recorded = floor.of(ev.CentreConfigured)[-1]
        assert answer["ok"]
        assert answer["changes"] == [{"key": "agents.1002.skills.english", "what": "changed"}]
        assert answer["version"] == recorded.version == version_of(recorded.content)
        assert recorded.content == content_of(floor.core.settings)
        assert recorded.by == "test"


async def test_a_reload_of_the_same_file_changes_and_records_nothing(autojump_clock):
    async with centre() as floor:
        before = floor.core.journal.last_seq

        answer = await floor.reloads()

        assert (answer["ok"], answer["changes"]) == (True, [])
        assert floor.core.journal.last_seq == before


async def test_what_needs_a_restart_is_named_and_everything_else_is_done(autojump_clock):
    async with centre() as floor:
        answer = await floor.reloads(
            sip={**DEFAULT["sip"], "realm": "elsewhere"}, admission={"max_contacts": 1}
        )

        assert answer["needs_restart"] == ["sip.realm"]
        assert [change["key"] for change in answer["changes"]] == ["admission.max_contacts"]
        assert floor.core.settings.sip.realm == "ccserver"


# --- agents -----------------------------------------------------------------------------------


async def test_an_agent_who_is_new_registers_and_takes_the_call_that_waits(autojump_clock):
    async with centre(agents=[agent("1003", skills={"spanish": 9})]) as floor:
        await waiting(floor)
        stranger = floor.phone("1001")
        assert await stranger.registers("secret-1001") != 200

        await floor.reloads(agents=DEFAULT["agents"])

        assert await stranger.registers("secret-1001") == 200
        await talking(floor, stranger)
        assert floor.state("1001") == "engaged"


async def test_a_skill_that_is_added_brings_the_agent_the_contact_that_waits_r20(autojump_clock):
    async with centre() as floor:
        carmen = await floor.agent("1003")
        await waiting(floor)
        assert floor.queue("support")

        await floor.reloads(**with_skills("1003", {"english": 1}))

        await talking(floor, carmen)
        assert floor.queue("support") == []


async def test_a_skill_that_is_taken_away_while_the_phone_rings_is_no_matter_r20(autojump_clock):
    """He answers: the offer ends by the rules it began with.  The next call is not for him."""
    async with centre() as floor:
        ada = await floor.agent("1001")
        await waiting(floor)
        offered = await ada.rings()

        await floor.reloads(**with_skills("1001", {"spanish": 1}))
        ada.answers(offered)
        await offered.wait("talking")
        assert floor.state("1001") == "engaged"

        ada.hangs_up(offered)
        await trio.sleep(10)
        assert floor.state("1001") == "available"
        await floor.phone("ben").calls_to("2001")
        await trio.sleep(30)
        assert floor.state("1001") == "available"
        assert len(floor.queue("support")) == 1


async def test_an_agent_who_is_removed_while_he_rings_may_still_answer_r20(autojump_clock):
    async with centre() as floor:
        ada = await floor.agent("1001")
        anna, call = await waiting(floor)
        offered = await ada.rings()

        await floor.reloads(**without("agents", "1001"))
        ada.answers(offered)
        await offered.wait("talking")
        await trio.sleep(20)
        assert floor.state("1001") == "engaged"
        assert not floor.of(ev.AgentLeft)

        anna.hangs_up(call)
        await trio.sleep(10)
        assert floor.of(ev.AgentLeft) == [ev.AgentLeft(AgentId("1001"))]
        assert floor.of(ev.ContactEnded)[0].outcome is Outcome.HANDLED
        assert await ada.registers("secret-1001") != 200
        floor.check_nothing_is_left()


async def test_a_removed_agent_who_does_not_answer_costs_the_contact_nothing_r20(autojump_clock):
    async with centre() as floor:
        ada = await floor.agent("1001")
        await waiting(floor)
        await ada.rings()
        await floor.reloads(**without("agents", "1001"))
        ben = await floor.agent("1002")

        await trio.sleep(20)  # RONA

        await talking(floor, ben)
        assert floor.state("1002") == "engaged"
        assert floor.of(ev.AgentLeft)


async def test_an_agent_who_is_removed_while_idle_is_gone_and_his_phone_with_him(autojump_clock):
    async with centre() as floor:
        await floor.agent("1001")

        await floor.reloads(**without("agents", "1001"))

        assert floor.of(ev.AgentLeft)
        assert [gone.reason for gone in floor.of(ev.PhoneGone)] == ["removed"]
        assert "1001" not in floor.core.live.agents
        await waiting(floor)
        assert len(floor.queue("support")) == 1


async def test_an_agent_who_is_back_registers_and_works_again(autojump_clock):
    async with centre() as floor:
        ada = await floor.agent("1001")
        await floor.reloads(**without("agents", "1001"))
        await floor.reloads(agents=DEFAULT["agents"])
        assert floor.core.live.agents[AgentId("1001")].state == "signed_out"
        assert await ada.registers("secret-1001") == 200

        await waiting(floor)

        await talking(floor, ada)


async def test_a_removed_agent_in_a_talk_keeps_his_buttons(autojump_clock):
    async with centre() as floor:
        ada = await floor.agent("1001")
        await waiting(floor)
        await talking(floor, ada)

        await floor.reloads(**without("agents", "1001"))

        assert isinstance(await floor.does("1001", c.Hold()), c.ContactDone)


# --- queues -----------------------------------------------------------------------------------


async def test_requirements_that_are_eased_bring_the_waiting_their_agent_r20(autojump_clock):
    async with centre(**requiring({"english": 10})) as floor:
        ada = await floor.agent("1001")
        await waiting(floor)
        assert floor.state("1001") == "available"

        await floor.reloads(**requiring({"english": 8}))

        await talking(floor, ada)


async def test_requirements_that_are_raised_hold_for_those_who_wait_already_r20(autojump_clock):
    async with centre() as floor:
        await waiting(floor)
        await floor.reloads(**requiring({"english": 6}))

        await floor.agent("1002")
        await trio.sleep(5)
        assert floor.state("1002") == "available"

        ada = await floor.agent("1001")
        await talking(floor, ada)


async def test_who_rings_unheard_comes_back_under_the_new_requirements_r20(autojump_clock):
    async with centre() as floor:
        ben = await floor.agent("1002")
        await waiting(floor)
        await ben.rings()
        carmen = await floor.agent("1003")

        await floor.reloads(**requiring({"spanish": 1}))
        assert floor.state("1002") == "reserved"
        await trio.sleep(20)  # RONA

        await talking(floor, carmen)
        assert floor.of(ev.ContactAssigned)[-1].decision.needs == "spanish"


async def test_a_new_queue_and_its_entry_point_take_calls_at_once(autojump_clock):
    async with centre(**NO_SUPPORT) as floor:
        ada = await floor.agent("1001")
        await floor.reloads(queues=DEFAULT["queues"], entry_points=DEFAULT["entry_points"])

        await waiting(floor)

        await talking(floor, ada)
        assert QueueName("support") in floor.core.live.queues


async def test_a_deleted_queue_serves_those_who_wait_and_then_is_gone_r20(autojump_clock):
    async with centre() as floor:
        anna, call = await waiting(floor)

        await floor.reloads(**NO_SUPPORT)
        assert len(floor.queue("support")) == 1
        assert not floor.of(ev.QueueDrained)
        stranger = floor.phone("ben").dials("2001")
        await stranger.wait("failed", "ended")
        assert len(floor.queue("support")) == 1

        ada = await floor.agent("1001")
        await talking(floor, ada)
        anna.hangs_up(call)
        await trio.sleep(2)
        assert floor.state("1001") == "wrap_up"  # as the queue had it
        assert floor.of(ev.QueueDrained) == [ev.QueueDrained(QueueName("support"))]
        assert QueueName("support") not in floor.core.live.queues
        floor.check_nothing_is_left()


async def test_a_call_on_its_way_to_a_deleted_queue_is_told_that_it_is_closed_r20(autojump_clock):
    """He hears the greeting as his queue is deleted: a draining queue takes nobody new."""
    async with centre() as floor:
        await floor.phone("anna").calls_to("2001")
        await floor.reloads(**NO_SUPPORT)

        await trio.sleep(60)

        (ended,) = floor.of(ev.ContactEnded)
        assert (ended.outcome, ended.reason) == (Outcome.OVERFLOWED, "closed")


async def test_a_deleted_queue_drains_to_where_it_overflows_when_it_is_closed_r20(autojump_clock):
    """Who waits, and who hears the greeting as it is deleted, keep the place they have."""
    closed = [{"when": "closed", "queue": "spanish"}]
    async with centre(**requiring({"english": 1}, overflows=closed, diversions=closed)) as floor:
        await waiting(floor)
        await floor.phone("ben").calls_to("2001")
        await floor.reloads(**NO_SUPPORT)
        await trio.sleep(5)

        assert floor.queue("support") == []
        assert len(floor.queue("spanish")) == 2
        assert floor.of(ev.QueueDrained)
        carmen = await floor.agent("1003")
        await talking(floor, carmen)
        first, _ = (event.contact.id for event in floor.of(ev.ContactArrived))
        assert floor.of(ev.ContactConnected)[0].contact.id == first


async def test_a_contact_that_rang_comes_back_to_its_deleted_queue_r20(autojump_clock):
    async with centre() as floor:
        ben = await floor.agent("1002")
        await waiting(floor)
        await ben.rings()
        await floor.reloads(**NO_SUPPORT)
        await trio.sleep(20)  # RONA
        assert len(floor.queue("support")) == 1

        ada = await floor.agent("1001")

        await talking(floor, ada)


async def test_nobody_is_transferred_to_a_deleted_queue(autojump_clock):
    async with centre() as floor:
        ada = await floor.agent("1001")
        await waiting(floor)
        await talking(floor, ada)
        await floor.reloads(**without("queues", "spanish"), **without("entry_points", "spanish"))

        refused = await floor.does("1001", c.Transfer(c.ToQueue(QueueName("spanish"))))

        assert refused.code is Refusal.UNKNOWN_DESTINATION


async def test_a_queue_that_is_back_takes_calls_again(autojump_clock):
    async with centre() as floor:
        await floor.reloads(**NO_SUPPORT)
        await floor.reloads(queues=DEFAULT["queues"], entry_points=DEFAULT["entry_points"])
        ada = await floor.agent("1001")

        await waiting(floor)

        await talking(floor, ada)


async def test_a_bound_of_waiting_that_is_shortened_holds_for_those_who_wait(autojump_clock):
    async with centre() as floor:
        await waiting(floor)
        await floor.reloads(**requiring({"english": 1}, max_wait_seconds=20.0))

        await trio.sleep(60)

        (ended,) = floor.of(ev.ContactEnded)
        assert (ended.outcome, ended.reason) == (Outcome.OVERFLOWED, "max_wait")


# --- everything else --------------------------------------------------------------------------


async def test_wrap_up_that_has_begun_lasts_as_long_as_it_was_to_last(autojump_clock):
    async with centre() as floor:
        ada = await floor.agent("1001")
        anna, call = await waiting(floor)
        await talking(floor, ada)
        await floor.reloads(routing={"rona_seconds": 18, "wrap_up_seconds": 60})
        anna.hangs_up(call)
        await trio.sleep(8)
        assert floor.state("1001") == "available"

        await waiting(floor)
        offered = await talking(floor, ada)
        ada.hangs_up(offered)
        await trio.sleep(30)
        assert floor.state("1001") == "wrap_up"


async def test_a_number_that_is_dialled_leads_where_the_new_file_says(autojump_clock):
    async with centre() as floor:
        entries = [
            {"name": "support", "numbers": ["2009"]},
            {"name": "spanish", "numbers": ["2001"]},
        ]
        await floor.reloads(entry_points=entries)

        await waiting(floor, "2001")

        assert len(floor.queue("spanish")) == 1


async def test_a_trunk_that_is_removed_lets_nobody_in(autojump_clock):
    async with centre() as floor:
        await floor.reloads(trunks=[])

        call = floor.phone("anna").dials("2001")

        await call.wait("failed", "ended")
        assert not floor.of(ev.ContactArrived)


async def test_a_queue_that_starts_again_after_a_reload_knows_the_new_rules(autojump_clock):
    async with centre() as floor:
        await waiting(floor)
        await floor.reloads(**requiring({"spanish": 1}))
        floor.core.directory.queues[QueueName("support")].tell("nonsense")
        await trio.sleep(1)
        assert floor.of(ev.ActorCrashed)

        carmen = await floor.agent("1003")

        await talking(floor, carmen)


async def test_an_agent_and_a_queue_that_were_removed_stay_so_when_they_start_again(autojump_clock):
    async with centre() as floor:
        await floor.agent("1001")
        await floor.reloads(**without("agents", "1001"), **NO_SUPPORT)
        floor.core.directory.agents[AgentId("1001")].tell("nonsense")
        floor.core.directory.queues[QueueName("support")].tell("nonsense")
        await trio.sleep(1)

        assert len(floor.of(ev.ActorCrashed)) == 2
        assert "1001" not in floor.core.live.agents
        assert "support" not in floor.core.live.queues
        assert floor.state("1001") == "signed_out"
