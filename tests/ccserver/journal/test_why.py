"""Why, and why not: stories of a centre, and what is said of them from its journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from typer.testing import CliRunner, Result

from actors import events as ev
from actors import messages as m
from actors.effects import TellAgent
from actors.ids import AgentId, ContactId
from actors.reasons import RoutingVerdict as Code
from ccserver.cli import app
from ccserver.journal.reading import entries_about
from ccserver.journal.storage import SqliteStorage
from ccserver.journal.why import Moment, Why, why
from tests.support.centre import EPOCH, Centre, centre

AGENTS = [
    {"id": "1001", "secret": "secret-1001", "skills": {"english": 8}},
    {"id": "1002", "secret": "secret-1002", "skills": {"english": 5}},
    {"id": "1003", "secret": "secret-1003", "skills": {"english": 3}},
    {"id": "1004", "secret": "secret-1004", "skills": {"english": 9}},
]
FLOOR: dict[str, Any] = {
    "agents": AGENTS,
    "queues": [{"name": "support", "requirements": {"english": 5}}],
    "entry_points": [
        {"name": "support", "numbers": ["2001"], "flow": [{"answer": True}, {"queue": "support"}]}
    ],
    "routing": {"rona_seconds": 10, "wrap_up_seconds": 5},
}


def asked(floor: Centre, agent: str | None = None, number: int = 0) -> Why:
    """Of the contact that came as this one."""
    contact = floor.of(ev.ContactArrived)[number].contact.id
    name = None if agent is None else AgentId(agent)
    present = int((EPOCH + trio.current_time()) * 1e6)
    return why(entries_about(floor.core.journal, contact), contact, present, name)


def verdicts(moment: Moment) -> dict[str, str]:
    return {one.id: one.verdict for one in moment.agents}


def because(moment: Moment, name: str) -> str:
    return next(one.because for one in (*moment.agents, *moment.contacts) if one.id == name)


async def idles(floor: Centre, agent: str, code: str) -> None:
    idle = m.AgentCommandReceived(m.SetIdle(code), "nobody")
    floor.core.effects.perform(TellAgent(AgentId(agent), idle))
    await trio.sleep(0.001)


async def calls(floor: Centre, name: str = "anna") -> tuple[Any, Any]:
    phone = floor.phone(name)
    call = await phone.calls_to("2001")
    await trio.sleep(0.01)
    return phone, call


async def test_every_agent_has_a_verdict_and_its_reason(autojump_clock):
    async with centre(**FLOOR) as floor:
        await floor.agent("1002")
        await trio.sleep(60)
        await floor.agent("1001")
        await floor.agent("1003")
        await floor.agent("1004")
        await idles(floor, "1004", "lunch")
        await trio.sleep(30)

        await calls(floor)

        (moment,) = asked(floor).moments
        assert (moment.on, moment.queue, moment.agent) == ("contact", "support", "1002")
        assert moment.agrees
        assert moment.asks == "english >= 5"
        assert moment.version == floor.of(ev.CentreConfigured)[-1].version
        assert verdicts(moment) == {
            "1002": Code.FIRST_CHOICE,
            "1001": Code.ANOTHER_FIRST,
            "1003": Code.SKILLS_MISSING,
            "1004": Code.NOT_AVAILABLE,
        }
        assert [one.place for one in moment.agents] == [1, 2, None, None]
        assert because(moment, "1002").startswith("available for 90.")
        assert because(moment, "1003") == "lacks english >= 5, has english 3"
        assert because(moment, "1004").startswith("idle (lunch) for 30.")


async def test_the_story_is_told_from_the_arrival_to_the_end(autojump_clock):
    async with centre(**FLOOR) as floor:
        ada = await floor.agent("1001")
        anna, call = await calls(floor)
        ada.answers(offered := await ada.rings())
        await offered.wait("talking")
        anna.hangs_up(call)
        await trio.sleep(1)

        story = [line.text for line in asked(floor).story]

        assert story[:4] == [
            "arrived at support",
            "waits in support (priority 5), number 1 in line, an agent is free",
            "given to 1001 by support",
            "1001's phone is called",
        ]
        assert story[4].startswith("talks with 1001, after 0.")
        assert story[5:] == ["handled"]


async def test_who_is_reserved_or_talks_is_so_with_whom(autojump_clock):
    async with centre(**FLOOR) as floor:
        await floor.agent("1001")
        await calls(floor, "anna")
        await floor.agent("1002")
        await trio.sleep(3)
        await calls(floor, "ben")
        first = floor.of(ev.ContactArrived)[0].contact.id

        (moment,) = asked(floor, number=1).moments

        assert verdicts(moment)["1001"] == Code.NOT_AVAILABLE
        assert because(moment, "1001").startswith(f"reserved with {first} for 3.")
        assert verdicts(moment)["1003"] == Code.SKILLS_MISSING
        assert because(moment, "1003") == "lacks english >= 5, has english 3; signed out"


async def test_after_a_failed_offer_the_one_who_failed_it_is_last(autojump_clock):
    async with centre(**FLOOR) as floor:
        ada = await floor.agent("1001")
        await calls(floor)
        ada.rejects(await ada.rings(), 503)
        await floor.agent("1004")
        await trio.sleep(0.1)

        first, second = asked(floor).moments

        assert (first.agent, second.agent) == ("1001", "1001")
        assert because(second, "1001").endswith("the two have failed before")


async def test_when_it_is_an_agents_turn_the_contacts_are_compared(autojump_clock):
    async with centre(**FLOOR) as floor:
        await calls(floor, "anna")
        await trio.sleep(5)
        await calls(floor, "ben")
        await trio.sleep(5)
        anna, ben = (event.contact.id for event in floor.of(ev.ContactArrived))

        await floor.agent("1001")

        (moment,) = asked(floor).moments
        assert (moment.on, moment.agent) == ("agent", "1001")
        assert [(one.id, one.verdict, one.place) for one in moment.contacts] == [
            (anna, Code.FIRST_CHOICE, 1),
            (ben, Code.ANOTHER_FIRST, 2),
        ]
        assert because(moment, ben).startswith("priority 5, waited 5.")


async def test_a_contact_that_waits_is_told_why_nobody_has_it_now(autojump_clock):
    async with centre(**FLOOR) as floor:
        await floor.agent("1003")
        await floor.agent("1001")
        await idles(floor, "1001", "lunch")
        await calls(floor)

        (moment,) = asked(floor).moments

        assert (moment.on, moment.agent, moment.agrees) == ("now", None, None)
        assert verdicts(moment) == {
            "1001": Code.NOT_AVAILABLE,
            "1002": Code.NOT_AVAILABLE,
            "1003": Code.SKILLS_MISSING,
            "1004": Code.NOT_AVAILABLE,
        }


async def test_why_not_an_agent_names_the_contact_that_he_was_given_instead(autojump_clock):
    async with centre(**FLOOR) as floor:
        await calls(floor, "anna")
        await trio.sleep(5)
        await calls(floor, "ben")
        anna = floor.of(ev.ContactArrived)[0].contact.id
        await floor.agent("1001")

        passed_over, now = asked(floor, "1001", number=1).moments

        assert (passed_over.agent, passed_over.given) == ("1001", anna)
        assert because(passed_over, "1001") == f"he was given {anna}, which comes before it"
        assert [one.id for one in now.agents] == ["1001"]
        assert because(now, "1001").startswith(f"reserved with {anna}")


async def test_why_not_of_nobody_says_that_there_is_no_such_agent(autojump_clock):
    async with centre(**FLOOR) as floor:
        await calls(floor)

        (moment,) = asked(floor, "4711").moments

        assert verdicts(moment) == {"4711": Code.NO_SUCH_AGENT}


async def test_each_decision_is_judged_by_the_rules_of_its_time(autojump_clock):
    async with centre(**FLOOR) as floor:
        await floor.agent("1003")
        await calls(floor, "anna")
        await floor.reloads(queues=[{"name": "support", "requirements": {"english": 2}}])

        (moment,) = asked(floor).moments

        assert (moment.agent, moment.asks) == ("1003", "english >= 2")
        before, after = (event.version for event in floor.of(ev.CentreConfigured))
        assert moment.version == after != before
        assert moment.agrees


async def test_a_decision_that_was_forged_is_shown_as_such(autojump_clock):
    async with centre(**FLOOR) as floor:
        await floor.agent("1001")
        await floor.agent("1004")
        await calls(floor)
        rows = floor.core.journal._storage.rows  # as who could write the file would
        place = next(n for n, row in enumerate(rows) if row[2] == "contact.assigned")
        seq, at, tag, payload = rows[place]
        rows[place] = seq, at, tag, payload.replace(b'"agent":"1001"', b'"agent":"1004"')

        (moment,) = asked(floor).moments

        assert moment.agrees is False
        assert (moment.agent, verdicts(moment)["1001"]) == ("1001", Code.FIRST_CHOICE)


async def test_a_decision_for_which_there_was_no_reason_is_shown_as_such(autojump_clock):
    async with centre(**FLOOR) as floor:
        await floor.agent("1001")
        await calls(floor)
        rows = floor.core.journal._storage.rows
        place = next(n for n, row in enumerate(rows) if row[2] == "contact.assigned")
        del rows[place - 1]

        (moment,) = asked(floor).moments

        assert (moment.agrees, moment.agent, moment.agents) == (False, "1001", ())


@pytest.mark.parametrize("contact", ["", "x", "a" * 26])
async def test_of_a_contact_that_never_was_there_is_no_story(autojump_clock, contact: str):
    async with centre(**FLOOR) as floor:
        found = why(entries_about(floor.core.journal, contact), ContactId(contact), 0)

        assert (found.story, found.moments) == ((), ())


async def test_the_command_line_reads_the_journals_file(autojump_clock, tmp_path: Path):
    async with centre(**FLOOR) as floor:
        await floor.agent("1001")
        await floor.agent("1003")
        await calls(floor)
        contact = floor.of(ev.ContactArrived)[0].contact.id
        rows = floor.core.journal._storage.rows
    storage = SqliteStorage(tmp_path / "journal.sqlite")
    storage.write(rows)
    storage.close()

    def ccserver(*arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--set", f"data.dir={tmp_path}"])

    told, not_told = ccserver("why", contact), ccserver("why-not", contact, "1003")
    as_json = msgspec.json.decode(ccserver("why", contact, "--json").stdout)
    unknown = ccserver("why", "nobody")

    assert told.exit_code == not_told.exit_code == 0
    assert "1001 was given it: the contact began to wait" in told.stdout
    assert "support asks for english >= 5" in told.stdout
    assert "lacks english >= 5, has english 3" in not_told.stdout
    assert "available for" not in not_told.stdout
    assert [one["verdict"] for one in as_json["moments"][0]["agents"]][:2] == [
        "FIRST_CHOICE",
        "SKILLS_MISSING",
    ]
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert "no contact nobody in the journal" in unknown.stderr


# --- the rules of a queue -----------------------------------------------------------------------


def support(**rules: Any) -> dict[str, Any]:
    return {**FLOOR, "queues": [{**FLOOR["queues"][0], **rules}]}


async def test_a_ring_that_is_not_reached_says_when_it_begins(autojump_clock):
    wider = support(rings=[{"after_seconds": 30.0, "needs": "english >= 3"}])
    async with centre(**wider) as floor:
        await floor.agent("1003")
        await calls(floor)
        await trio.sleep(10)
        (before,) = asked(floor).moments
        await trio.sleep(25)
        (after,) = asked(floor).moments

        assert (before.on, verdicts(before)["1003"]) == ("now", Code.SKILLS_MISSING)
        assert because(before, "1003") == "lacks english >= 5, has english 3; in 20.0 s he may"
        assert (after.on, after.agent, after.asks) == ("time", "1003", "english >= 3")


async def test_a_queue_that_has_as_many_agents_as_it_may_says_so(autojump_clock):
    async with centre(**support(max_agents=1)) as floor:
        await floor.agent("1001")
        await floor.agent("1002")
        await calls(floor, "anna")
        await calls(floor, "ben")

        (moment,) = asked(floor, number=1).moments

        assert moment.on == "now"
        assert verdicts(moment)["1002"] == Code.QUEUE_FULL
        assert because(moment, "1002").startswith("the queue may have 1 agents at once")


async def test_where_all_ring_every_one_of_them_is_named(autojump_clock):
    async with centre(**support(strategy="ring_all")) as floor:
        await floor.agent("1001")
        await floor.agent("1004")
        await floor.agent("1003")
        await calls(floor)

        (moment,) = asked(floor).moments

        assert verdicts(moment) == {
            "1001": Code.FIRST_CHOICE,
            "1004": Code.FIRST_CHOICE,
            "1003": Code.SKILLS_MISSING,
            "1002": Code.NOT_AVAILABLE,
        }


async def test_where_lots_are_drawn_the_others_were_in_the_lot(autojump_clock):
    async with centre(**support(strategy="weighted_random")) as floor:
        await floor.agent("1001")
        await floor.agent("1004")
        await calls(floor)

        (moment,) = asked(floor).moments

        assert moment.agrees
        assert sorted(verdicts(moment)[name] for name in ("1001", "1004")) == [Code.BY_LOT] * 2
        loser = "1004" if moment.agent == "1001" else "1001"
        assert because(moment, loser).endswith("in the lot with weight 1")
