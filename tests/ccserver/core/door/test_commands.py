"""Commands through the door, to the real core."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio

from actors import events as ev
from actors.commands import Principal
from actors.past import COMMAND_SECONDS
from ccserver.core.door.commands import MOST_AT_ONCE
from ccserver.door import Request
from sip.message import Response
from tests.support.centre import DEFAULT, Centre, centre
from tests.support.door import Knocker, agent
from tests.support.phones import SERVER, authorize
from tests.support.restarting import mortal_centre

SUPERVISOR = Principal("sue", "supervisor")
READER = Principal("ray", "read_only")


@asynccontextmanager
async def opened(**changes: Any) -> AsyncIterator[tuple[Centre, Knocker]]:
    async with trio.open_nursery() as nursery, centre(**changes) as c:
        yield c, Knocker(c.core.door, nursery)
        nursery.cancel_scope.cancel()


async def a_conversation(c: Centre) -> str:
    """Of a customer with 1001; the contact's id."""
    ada = await c.agent("1001")
    await c.phone("anna").calls_to("2001")
    ada.answers(await ada.rings())
    await trio.sleep(1)
    return c.contact.id


class Deaf:
    """In an actor's place: keeps what it is told."""

    def __init__(self, actor: Any) -> None:
        self.machine, self._actor = actor.machine, actor
        self.held: list[Any] = []

    def tell(self, message: Any) -> None:
        self.held.append(message)

    def wake(self) -> None:
        self._actor.tell(self.held[-1])


def deafen(actors: dict[Any, Any], name: str) -> Deaf:
    actors[name] = deaf = Deaf(actors[name])
    return deaf


async def test_an_agent_changes_his_state(autojump_clock):
    async with opened() as (c, door):
        await c.agent("1001")

        done = await door.asks("agent.set_idle", by=agent("1001"), agent="1001", code="lunch")

        allowed = ["available", "idle", "sign-out"]
        shown = {"version": 2, "state": "idle", "code": "lunch", "pending": None}
        assert done == {"id": 1, "ok": True, **shown, "allowed": allowed}
        assert c.of(ev.AgentStateChanged)[-1].code == "lunch"


async def test_an_agent_has_a_number_called(autojump_clock):
    gateway = {"name": "pstn", "from": ["10.0.1.200/32"], "gateway": "10.0.1.200:5060"}
    plan = [{"prefix": "0", "trunk": "pstn"}]
    async with opened(trunks=[gateway], dial_plan=plan) as (c, door):
        ada = await c.agent("1001")

        called = await door.asks("agent.call", by=agent("1001"), agent="1001", number="0123")
        other = await door.asks("agent.call", by=agent("1002"), agent="1001", number="0123")
        again = await door.asks("agent.call", by=agent("1001"), agent="1001", number="0123")

        assert (called["ok"], called["contact"]) == (True, c.contact.id)
        assert (await ada.rings()).state == "ringing"
        assert [other["refused"], again["refused"]] == ["NOT_PERMITTED", "AGENT_BUSY"]


async def test_a_hold_reaches_the_contact_and_its_answer_comes_back(autojump_clock):
    async with opened() as (c, door):
        contact = await a_conversation(c)
        version = c.of(ev.ContactStateChanged)[-1].version

        held = await door.asks("contact.hold", by=agent("1001"), contact=contact, expect=version)

        assert (held["ok"], held["state"]) == (True, "held")
        assert c.talk.state() == "held"
        assert held["version"] > version


async def test_a_refusal_says_the_state_and_what_is_allowed(autojump_clock):
    async with opened() as (c, door):
        contact = await a_conversation(c)

        refused = await door.asks("contact.resume", by=agent("1001"), contact=contact)

        assert refused["refused"] == "NOT_HELD"
        assert "hold" in refused["allowed"]


async def test_what_the_author_saw_must_still_be_so(autojump_clock):
    async with opened() as (c, door):
        contact = await a_conversation(c)

        stale = await door.asks("contact.hold", by=agent("1001"), contact=contact, expect=0)

        assert stale["refused"] == "STALE"
        assert c.talk.state() == "connected"


@pytest.mark.parametrize(
    ("args", "field", "said"),
    [
        ({"side": "left"}, "side", "invalid enum value 'left'"),
        ({"sied": "consult"}, "sied", "expected no such argument"),
        ({"side": 3}, "side", "expected str, got int"),
    ],
)
async def test_a_bad_argument_is_named_with_what_was_expected(autojump_clock, args, field, said):
    async with opened() as (c, door):
        contact = await a_conversation(c)

        refused = await door.asks("contact.hold", by=agent("1001"), contact=contact, **args)

        assert refused["refused"] == "BAD_REQUEST"
        assert refused["field"] == field
        assert refused["detail"] == said


@pytest.mark.parametrize(
    ("args", "field"),
    [
        ({}, "to"),
        ({"to": {"kind": "friend"}}, "to.kind"),
        ({"to": {"kind": "agent"}}, "to.agent"),
        ({"to": {"kind": "agent", "agent": "1002", "queue": "x"}}, "to.queue"),
        ({"contact": 7, "to": {"kind": "agent", "agent": "1002"}}, "contact"),
    ],
)
async def test_a_destination_is_read_to_its_last_field(autojump_clock, args, field):
    async with opened() as (_, door):
        refused = await door.asks("contact.consult", by=agent("1001"), **{"contact": "x", **args})

        assert (refused["refused"], refused["field"]) == ("BAD_REQUEST", field)


async def test_another_agents_contact_is_answered_as_one_that_does_not_exist(autojump_clock):
    async with opened() as (c, door):
        await c.agent("1002")
        contact = await a_conversation(c)

        other = await door.asks("contact.hold", by=agent("1002"), contact=contact)
        gone = await door.asks("contact.hold", by=agent("1002"), contact="a0gone")
        nobody = await door.asks("contact.end", by=Principal("x", "agent"), contact=contact)

        assert other["refused"] == gone["refused"] == nobody["refused"] == "UNKNOWN_CONTACT"
        assert other["detail"].replace(contact, "") == gone["detail"].replace("a0gone", "")
        assert gone["detail"] == "no living contact a0gone in which agent 1002 takes part"
        assert c.talk.state() == "connected"


async def test_only_a_living_contact_can_be_commanded(autojump_clock):
    async with opened() as (_, door):
        refused = await door.asks("contact.hold", by=agent("1001"), contact="a0gone")

        assert refused["refused"] == "UNKNOWN_CONTACT"


async def test_who_dials_a_feature_code_is_no_contact_to_command(autojump_clock):
    async with opened() as (c, door):
        ada = await c.agent("1001")
        await ada.dials("*52").wait("ended")
        challenged = [m for m in ada.heard if isinstance(m, Response) and m.status == 407]
        challenge = challenged[0].header_all("Proxy-Authenticate")[0]
        target = f"sip:*52@{SERVER[0]}:{SERVER[1]}"
        proof = authorize(challenge, "1001", "secret-1001", "INVITE", target)
        await ada.dials("*52", headers=[("Proxy-Authorization", proof)]).wait("talking")
        (call,) = c.core.directory.contacts

        refused = await door.asks("contact.hold", by=agent("1001"), contact=call)

        assert refused["refused"] == "UNKNOWN_CONTACT"
        assert not c.of(ev.ActorCrashed)


async def test_a_contact_that_ends_before_it_hears_is_gone_and_not_silent(autojump_clock):
    async with opened() as (c, door):
        contact = await a_conversation(c)
        living = c.core.directory.contacts
        actor = living[c.contact.id]
        deafen(living, contact)
        started = trio.current_time()

        async def end() -> None:
            await trio.sleep(0.05)
            del living[actor.machine.id]

        async with trio.open_nursery() as nursery:
            nursery.start_soon(end)
            answer = await door.asks("contact.hold", by=agent("1001"), contact=contact)

        assert answer["refused"] == "UNKNOWN_CONTACT"
        assert trio.current_time() - started < 1
        living[actor.machine.id] = actor


@pytest.mark.parametrize(
    ("by", "op", "args"),
    [
        (READER, "agent.set_available", {"agent": "1001"}),
        (READER, "contact.hold", {"contact": "x"}),
        (READER, "monitor.request", {"kind": "agent", "target": "1001"}),
        (agent("1002"), "agent.set_available", {"agent": "1001"}),
        (agent("1001"), "monitor.request", {"kind": "agent", "target": "1002"}),
    ],
)
async def test_who_may_not_is_refused(autojump_clock, by, op, args):
    async with opened() as (c, door):
        await c.agent("1001")

        refused = await door.asks(op, by=by, **args)

        assert refused["refused"] == "NOT_PERMITTED"


async def test_a_command_to_a_contact_needs_an_author(autojump_clock):
    async with opened() as (_, door):
        refused = await door.asks("contact.hold", contact="x")

        assert (refused["refused"], refused["field"]) == ("BAD_REQUEST", "principal")


async def test_a_supervisor_waits_for_the_next_call_of_an_agent(autojump_clock):
    async with opened() as (_, door):
        by = Principal("sue", "supervisor", agent("1002").agent)

        wanted = await door.asks("monitor.request", by=by, kind="agent", target="1001")
        cancelled = await door.asks("monitor.cancel", by=by, kind="agent", target="1001")
        again = await door.asks("monitor.cancel", by=by, kind="agent", target="1001")

        assert [wish["target"] for wish in wanted["wishes"]] == ["1001"]
        assert cancelled == {"id": 2, "ok": True, "wishes": []}
        assert again["refused"] == "NOT_MONITORING"


async def test_a_wrap_up_code_must_be_a_known_one(autojump_clock):
    async with opened() as (_, door):
        refused = await door.asks("agent.end_wrap_up", agent="1001", code="whatever")

        assert refused["refused"] == "UNKNOWN_WRAP_UP_CODE"
        assert refused["detail"] == (
            "expected one of resolved, call-back, wrong-number, got whatever"
        )


async def test_an_idle_code_must_be_a_known_one(autojump_clock):
    async with opened() as (_, door):
        refused = await door.asks("agent.set_idle", agent="1001", code="siesta")

        assert refused["refused"] == "UNKNOWN_IDLE_CODE"
        assert refused["detail"].endswith(", training, got siesta")


async def test_of_two_desks_that_submit_the_same_wrap_up_one_is_told_that_it_is_done(
    autojump_clock,
):
    """W20; as of any two commands that shut each other out."""
    async with opened() as (c, door), trio.open_nursery() as nursery:
        other = Knocker(c.core.door, nursery)
        contact = await a_conversation(c)
        ended = await door.asks("contact.end", by=agent("1001"), contact=contact)
        assert ended.get("ok"), ended
        await trio.sleep(1)  # the phone is on the hook
        answers: list[dict[str, Any]] = []

        async def submits(desk: Knocker, key: str) -> None:
            answers.append(
                await desk.asks("agent.end_wrap_up", agent="1001", code="resolved", key=key)
            )

        async with trio.open_nursery() as desks:
            desks.start_soon(submits, door, "k1")
            desks.start_soon(submits, other, "k2")

        done, refused = sorted(answers, key=lambda one: "refused" in one)
        assert (done["ok"], done["state"]) == (True, "available")
        assert (refused["refused"], refused["state"]) == ("NOT_IN_WRAP_UP", "available")
        nursery.cancel_scope.cancel()


async def test_of_hold_and_end_in_one_moment_the_second_is_refused_with_the_state(autojump_clock):
    """W20."""
    async with opened() as (c, door):
        contact = await a_conversation(c)
        requests = [
            Request(op, number, {"contact": contact}, agent("1001"), expect=1)
            for number, op in enumerate(("contact.hold", "contact.end"), start=1)
        ]

        await door.says(b"".join(msgspec.json.encode(one) + b"\n" for one in requests))
        answers = {one["id"]: one for one in (await door.hears(), await door.hears())}

        first, second = answers[1], answers[2]
        if "refused" in first:
            first, second = second, first
        assert first["ok"]
        assert second["refused"] in ("STALE", "CALL_ON_HOLD", "NOT_IN_CALL", "UNKNOWN_CONTACT")
        assert ("state" in second) == (second["refused"] != "UNKNOWN_CONTACT")


# --- the same key again ---------------------------------------------------------------------------


async def test_the_same_key_has_one_effect_and_one_answer(autojump_clock):
    async with opened() as (c, door):
        contact = await a_conversation(c)

        first = await door.asks("contact.hold", by=agent("1001"), contact=contact, key="k")
        again = await door.asks("contact.hold", by=agent("1001"), contact=contact, key="k")

        assert first["ok"]
        assert again == {**first, "id": 2}


async def test_a_key_is_its_authors_own_and_is_forgotten(autojump_clock):
    async with opened() as (c, door):
        contact = await a_conversation(c)
        await door.asks("contact.hold", by=agent("1001"), contact=contact, key="k")

        other = await door.asks("contact.hold", by=agent("1002"), contact=contact, key="k")
        await trio.sleep(COMMAND_SECONDS + 1)
        later = await door.asks("contact.hold", by=agent("1001"), contact=contact, key="k")

        assert other["refused"] == "UNKNOWN_CONTACT"
        assert later["refused"] == "ALREADY_HELD"


async def test_the_same_key_with_another_command_is_refused(autojump_clock):
    async with opened() as (c, door):
        contact = await a_conversation(c)
        await door.asks("contact.hold", by=agent("1001"), contact=contact, key="k")

        refused = await door.asks("contact.resume", by=agent("1001"), contact=contact, key="k")

        assert refused["refused"] == "KEY_REUSED"
        assert c.talk.state() == "held"


async def test_the_same_key_has_the_same_answer_when_its_contact_is_over(autojump_clock):
    async with opened() as (c, door):
        contact = await a_conversation(c)

        first = await door.asks("contact.end", by=agent("1001"), contact=contact, key="k")
        await trio.sleep(1)
        again = await door.asks("contact.end", by=agent("1001"), contact=contact, key="k")

        assert first["ok"]
        assert again == {**first, "id": 2}


async def test_a_key_is_free_as_long_as_nobody_was_asked(autojump_clock):
    """Refused at the door: no such agent.  He is configured, and has not been asked before."""
    async with opened(agents=DEFAULT["agents"][1:]) as (c, door):
        refused = await door.asks("agent.set_idle", agent="1001", code="lunch", key="k")
        await c.reloads(agents=DEFAULT["agents"])
        await c.agent("1001")

        done = await door.asks("agent.set_idle", agent="1001", code="lunch", key="k")
        again = await door.asks("agent.set_idle", agent="1001", code="lunch", key="k")

        assert refused["refused"] == "UNKNOWN_AGENT"
        assert (done["ok"], done["state"]) == (True, "idle")
        assert again == {**done, "id": 3}


async def test_a_key_that_is_too_long_is_refused(autojump_clock):
    async with opened() as (_, door):
        refused = await door.asks("agent.set_idle", agent="1001", code="lunch", key="k" * 129)
        assert (refused["refused"], refused["field"]) == ("BAD_REQUEST", "key")


# --- over a restart -------------------------------------------------------------------------------


async def idle_and_idle_again(points: int) -> tuple[dict[str, Any], dict[str, Any], int]:
    """An agent goes idle, and the server is killed so many events after he asked for it; he is
    available again when the same comes with the same key.  Both answers; how often he went idle.
    """
    wish = {"agent": "1001", "code": "lunch", "key": "k"}
    async with mortal_centre() as c, trio.open_nursery() as nursery:
        await c.phone("1001").registers("secret-1001")
        await trio.sleep(1)
        length = len(c.disk.rows) + points

        def written(count: int) -> None:
            if count >= length:
                c.life.kill()

        c.disk.written = written
        first = await Knocker(c.core.door, nursery).asks("agent.set_idle", **wish)
        c.disk.written = lambda count: None
        if not c.life.over:
            await c.is_killed()
        await c.comes_back()
        door = Knocker(c.core.door, nursery)
        await door.asks("agent.set_available", agent="1001")
        again = await door.asks("agent.set_idle", **wish)
        nursery.cancel_scope.cancel()
    return first, again, [e.state for e in c.of(ev.AgentStateChanged)].count("idle")


async def test_the_same_key_has_the_same_answer_after_a_restart(autojump_clock):
    first, again, times = await idle_and_idle_again(99)
    assert first["ok"]
    assert again == {**first, "id": 2}
    assert times == 1


@pytest.mark.parametrize("points", [1, 2, 3, 4, 5])
async def test_no_command_is_carried_out_twice_wherever_the_server_is_killed(
    autojump_clock, points: int
):
    """He is told that it was cut off, or what was answered."""
    _, again, times = await idle_and_idle_again(points)
    assert times == 1 if again.get("ok") else times <= 1
    assert again.get("ok") or "was killed as it carried this out" in again["detail"]


async def test_an_answer_that_came_too_late_is_there_for_who_asks_again(autojump_clock):
    async with opened() as (c, door):
        await c.agent("1001")
        deaf = deafen(c.core.directory.agents, "1001")
        args = {"agent": "1001", "code": "lunch", "key": "k"}

        nothing = await door.asks("agent.set_idle", deadline=0.5, **args)
        deaf.wake()
        await trio.sleep(0.01)
        answer = await door.asks("agent.set_idle", **args)

        assert nothing["refused"] == "NO_ANSWER"
        assert (answer["ok"], answer["state"]) == (True, "idle")
        assert len(deaf.held) == 1


async def test_a_flood_of_commands_does_not_reach_the_actors_mailbox(autojump_clock):
    async with trio.open_nursery() as nursery, centre() as c:
        await c.agent("1001")
        deafen(c.core.directory.agents, "1001")
        answers: list[dict[str, Any]] = []

        async def ask() -> None:
            door = Knocker(c.core.door, nursery)
            answers.append(await door.asks("agent.set_available", agent="1001", deadline=1))

        async with trio.open_nursery() as askers:
            for _ in range(MOST_AT_ONCE + 3):
                askers.start_soon(ask)

        refused = [answer["refused"] for answer in answers]
        assert refused.count("TOO_MANY_COMMANDS") == 3
        assert refused.count("NO_ANSWER") == MOST_AT_ONCE
        nursery.cancel_scope.cancel()
