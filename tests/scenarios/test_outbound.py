"""Calls that agents place: V-1, V-50, V-82, A09, R13."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import asynccontextmanager

import pytest
import trio

from actors import commands as c
from actors import events as ev
from actors import messages as m
from actors.ids import AgentId, QueueName
from actors.reasons import EndedBy, Outcome, Refusal
from sip.message import Response
from tests.scenarios.test_consult import MUSIC, RINGBACK
from tests.scenarios.test_transfer import PSTN
from tests.support.centre import DEFAULT, centre
from tests.support.phones import SERVER, Call, Phone, authorize

GATEWAY = "10.0.1.200"
NUMBER = "0123"


async def dials_out(phone: Phone, number: str, meanwhile: Callable[[], None] | None = None) -> Call:
    """An agent's own call: challenged, and tried again with credentials.

    ``meanwhile``: what he does in the same instant as he tries again.
    """
    first = phone.dials(number)
    await first.wait("ended")
    challenged = [x for x in phone.heard if isinstance(x, Response) and x.status == 407][-1]
    challenge = challenged.header_all("Proxy-Authenticate")[0]
    target = f"sip:{number}@{SERVER[0]}:{SERVER[1]}"
    proof = authorize(challenge, phone.name, f"secret-{phone.name}", "INVITE", target)
    if meanwhile is not None:
        meanwhile()
    call = phone.dials(number, headers=[("Proxy-Authorization", proof)])
    await trio.sleep(0.1)
    return call


def refusal_of(call: Call) -> str:
    """Its status and what the Reason header says."""
    answers = [x for x in call.phone.heard if isinstance(x, Response) and x.status == call.status]
    return f"{call.status} {(answers[-1].header('Reason') or '').partition('text=')[2]}"


@asynccontextmanager
async def outside(*agents: str, **changes):
    """A centre with a gateway to the world.  Gives (centre, phones by name)."""
    async with centre(**{**PSTN, **changes}) as floor:
        phones = {"gateway": floor.phone("gateway", GATEWAY)}
        for name in agents or ("1001",):
            phones[name] = await floor.agent(name)
        yield floor, phones


@asynccontextmanager
async def talking_outside(*others: str, **changes):
    """1001 has called a customer.  Gives (centre, phones, calls)."""
    async with outside("1001", *others, **changes) as (floor, phones):
        calls = {"1001": await dials_out(phones["1001"], NUMBER)}
        calls["customer"] = await phones["gateway"].rings()
        phones["gateway"].answers(calls["customer"])
        await trio.sleep(1)
        yield floor, phones, calls


def figures(floor) -> tuple[int, dict[str, int], int, int]:
    shown = floor.core.fold.figures().outbound
    assert shown.placed == sum(shown.ended.values()) + shown.dialling + shown.talking
    return shown.placed, counted(shown.ended), shown.dialling, shown.talking


def counted(figures: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in figures.items() if count}


# --- the call -----------------------------------------------------------------------------------


async def test_an_agent_dials_a_number_on_his_phone_and_wraps_up(autojump_clock) -> None:
    async with outside() as (floor, phones):
        call = await dials_out(phones["1001"], NUMBER)
        out = await phones["gateway"].rings()
        assert out.invite.uri.user == NUMBER
        assert out.invite.from_.uri.user == "1001"
        assert call.state == "talking"
        assert floor.media.at_the_ear(f"{floor.contact.id}/1") == {RINGBACK}
        assert figures(floor) == (1, {}, 1, 0)
        phones["gateway"].answers(out)
        await trio.sleep(5)
        assert floor.ears() == {"customer": {"1001"}, "1001": {"customer"}}
        assert figures(floor) == (1, {}, 0, 1)
        assert floor.state("1001") == "engaged"
        phones["gateway"].hangs_up(out)
        await trio.sleep(1)
        assert call.state == "ended"
        assert floor.state("1001") == "wrap_up"
        await trio.sleep(5)
        assert floor.state("1001") == "available"
        (ended,) = floor.of(ev.ContactEnded)
        assert (ended.outcome, ended.queue, ended.agent) == (Outcome.HANDLED, None, "1001")
        assert (ended.ended_by, round(ended.talked)) == (EndedBy.CUSTOMER, 5)
        assert figures(floor) == (1, {"handled": 1}, 0, 0)
        assert all(queue.offered == 0 for queue in floor.core.fold.figures().queues.values())
        floor.check_nothing_is_left()


async def test_his_desktop_calls_and_his_phone_rings_first(autojump_clock) -> None:
    async with outside(outbound={"caller_id": "493012345"}) as (floor, phones):
        started = await floor.commands("1001", m.PlaceCall(NUMBER))
        assert started == m.CallStarted(floor.contact.id)
        ringing = await phones["1001"].rings()
        assert ringing.invite.from_.uri.user == NUMBER
        assert not phones["gateway"].calls
        phones["1001"].answers(ringing)
        out = await phones["gateway"].rings()
        assert out.invite.from_.uri.user == "493012345"
        phones["gateway"].answers(out)
        await trio.sleep(1)
        assert floor.ears() == {"customer": {"1001"}, "1001": {"customer"}}
        done = await floor.does("1001", c.End())
        assert isinstance(done, c.ContactDone)
        await trio.sleep(6)
        assert (out.state, ringing.state, floor.state("1001")) == ("ended", "ended", "available")
        floor.check_nothing_is_left()


async def test_he_may_call_while_he_is_idle_and_stays_idle(autojump_clock) -> None:
    async with outside() as (floor, phones):
        await floor.commands("1001", m.SetIdle("lunch"))
        await dials_out(phones["1001"], NUMBER)
        out = await phones["gateway"].rings()
        phones["gateway"].answers(out)
        await trio.sleep(1)
        phones["gateway"].hangs_up(out)
        await trio.sleep(10)
        assert floor.state("1001") == "idle:lunch"


@pytest.mark.parametrize(
    ("status", "reason"), [(486, "USER_BUSY"), (603, "USER_DECLINED"), (404, "INVALID_NUMBER")]
)
async def test_a_number_that_does_not_answer_is_said_to_him_and_counted(
    autojump_clock, status, reason
) -> None:
    async with outside() as (floor, phones):
        call = await dials_out(phones["1001"], NUMBER)
        out = await phones["gateway"].rings()
        phones["gateway"].rejects(out, status)
        await trio.sleep(1)
        assert call.state == "ended"
        byes = [x for x in phones["1001"].heard if getattr(x, "method", "") == "BYE"]
        assert f'cause={status};text="{reason}"' in byes[0].header("Reason")
        assert floor.state("1001") == "wrap_up"
        (ended,) = floor.of(ev.ContactEnded)
        assert (ended.outcome, ended.reason) == (Outcome.UNREACHED, reason)
        assert counted(floor.core.fold.figures().outbound.unreached) == {reason: 1}
        assert figures(floor) == (1, {"unreached": 1}, 0, 0)
        floor.check_nothing_is_left()


async def test_a_number_that_rings_for_ever_is_given_up(autojump_clock) -> None:
    async with outside() as (floor, phones):
        call = await dials_out(phones["1001"], NUMBER)
        out = await phones["gateway"].rings()
        await trio.sleep(61)
        assert (call.state, out.state) == ("ended", "ended")
        (ended,) = floor.of(ev.ContactEnded)
        assert ended.reason == "RONA_TIMER_EXPIRED"


async def test_he_hangs_up_before_the_number_answers(autojump_clock) -> None:
    async with outside() as (floor, phones):
        call = await dials_out(phones["1001"], NUMBER)
        out = await phones["gateway"].rings()
        phones["1001"].hangs_up(call)
        await trio.sleep(1)
        assert out.state == "ended"
        (ended,) = floor.of(ev.ContactEnded)
        assert (ended.outcome, ended.reason) == (Outcome.UNREACHED, "cancelled")
        await trio.sleep(5)
        assert floor.state("1001") == "available"
        floor.check_nothing_is_left()


@pytest.mark.parametrize("how", ["declines", "ignores"])
async def test_he_does_not_take_the_call_that_he_asked_for(autojump_clock, how) -> None:
    """It was his own wish: he has missed no offer, and his state is what it was."""
    async with outside() as (floor, phones):
        await floor.commands("1001", m.PlaceCall(NUMBER))
        ringing = await phones["1001"].rings()
        if how == "declines":
            phones["1001"].rejects(ringing, 603)
        await trio.sleep(20)
        assert not phones["gateway"].calls
        assert floor.state("1001") == "available"
        (ended,) = floor.of(ev.ContactEnded)
        assert ended.outcome is Outcome.UNREACHED
        floor.check_nothing_is_left()


# --- what he may --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "status", "reason"),
    [
        ("0900123", 403, "NOT_IN_DIAL_PLAN"),
        ("77", 404, "UNKNOWN_DESTINATION"),
        ("1002", 403, "UNSUPPORTED_DESTINATION"),
    ],
)
async def test_the_dial_plan_holds_at_his_phone_and_at_his_desktop(
    autojump_clock, number, status, reason
) -> None:
    """A09."""
    async with outside() as (floor, phones):
        call = await dials_out(phones["1001"], number)
        assert refusal_of(call) == f'{status} "{reason}"'
        refused = await floor.commands("1001", m.PlaceCall(number))
        assert refused.code == reason
        assert floor.state("1001") == "available"
        assert [event.reason for event in floor.of(ev.CallRefused)] == [reason, reason]
        assert counted(floor.core.fold.figures().outbound.refused) == {reason: 2}
        floor.check_nothing_is_left()


@pytest.mark.parametrize("what", ["permission", "role"])
async def test_who_may_not_call_is_refused(autojump_clock, what) -> None:
    """V-1: a permission; A09: the roles of a rule."""
    agents, plan = DEFAULT["agents"], PSTN["dial_plan"]
    if what == "permission":
        agents = [{**agents[0], "permissions": ["hold"]}]
        expected = "NOT_PERMITTED"
    else:
        plan = [{"prefix": "0", "trunk": "pstn", "roles": ["supervisor"]}]
        expected = "NOT_IN_DIAL_PLAN"
    async with outside(agents=agents, dial_plan=plan) as (floor, phones):
        call = await dials_out(phones["1001"], NUMBER)
        assert refusal_of(call) == f'403 "{expected}"'
        refused = await floor.commands("1001", m.PlaceCall(NUMBER))
        assert refused.code == Refusal.NOT_PERMITTED
        assert not phones["gateway"].calls


async def test_the_button_is_shown_to_whom_it_would_obey(autojump_clock) -> None:
    async with outside("1001", "1002") as (floor, phones):
        agent = floor.core.directory.agents[AgentId("1001")].machine
        assert "call" in agent.allowed()
        await dials_out(phones["1001"], NUMBER)
        assert "call" not in agent.allowed()
        refused = await floor.commands("1001", m.PlaceCall(NUMBER))
        assert refused.code == "AGENT_BUSY"
        second = await dials_out(phones["1001"], NUMBER)
        assert refusal_of(second) == '486 "AGENT_BUSY"'


async def test_who_has_signed_out_does_not_call(autojump_clock) -> None:
    async with outside() as (floor, phones):
        await floor.commands("1001", m.SignOut())
        call = await dials_out(phones["1001"], NUMBER)
        assert refusal_of(call) == '480 "AGENT_SIGNED_OUT"'
        assert floor.state("1001") == "signed_out"


@pytest.mark.parametrize("limit", ["TRUNK_LIMIT", "TENANT_LIMIT"])
async def test_when_no_line_is_free_he_is_told_why(autojump_clock, limit) -> None:
    """V-82."""
    changes = {"admission": {"max_contacts": 1}}
    if limit == "TRUNK_LIMIT":
        changes = {"trunks": [{**PSTN["trunks"][1], "max_calls": 1}]}
    async with outside("1001", "1002", **changes) as (floor, phones):
        await dials_out(phones["1001"], NUMBER)
        await phones["gateway"].rings()
        refused = await floor.commands("1002", m.PlaceCall(NUMBER))
        assert refused.code == limit
        if limit == "TRUNK_LIMIT":
            second = await dials_out(phones["1002"], NUMBER)
            assert refusal_of(second) == f'503 "{limit}"'
        assert floor.state("1002") == "available"


async def test_the_eleventh_within_an_hour_is_refused(autojump_clock) -> None:
    """A09; and a while later the first of them counts no more."""
    async with outside(outbound={"calls_per_hour": 10}) as (floor, phones):
        for _ in range(10):
            call = await dials_out(phones["1001"], NUMBER)
            out = await phones["gateway"].rings()
            phones["gateway"].rejects(out, 486)
            await call.wait("ended")
            await trio.sleep(10)
        refused = await dials_out(phones["1001"], NUMBER)
        assert refusal_of(refused) == '403 "AGENT_CALL_LIMIT"'
        answer = await floor.commands("1001", m.PlaceCall(NUMBER))
        assert answer.code == "AGENT_CALL_LIMIT"
        await trio.sleep(3600 - 10 * 10)
        await phones["1001"].registers("secret-1001")
        await dials_out(phones["1001"], NUMBER)
        assert (await phones["gateway"].rings()).state == "ringing"


async def test_numbers_that_he_consults_count_too(autojump_clock) -> None:
    """A09: a transfer must not be a way round the limit."""
    async with talking_outside(outbound={"calls_per_hour": 2}) as (floor, phones, _):
        await floor.does("1001", c.Consult(c.ToNumber("0456")))
        second = await phones["gateway"].rings()
        phones["gateway"].rejects(second, 486)
        await trio.sleep(1)
        await floor.does("1001", c.Consult(c.ToNumber("0456")))
        await trio.sleep(1)
        assert [e.outcome for e in floor.of(ev.ConsultEnded)] == ["USER_BUSY", "AGENT_CALL_LIMIT"]


# --- what he does with it -----------------------------------------------------------------------


async def test_it_is_held_consulted_and_handed_over_like_any_call(autojump_clock) -> None:
    """V-50: outbound calls too."""
    async with talking_outside("1002") as (floor, phones, calls):
        await floor.does("1001", c.Hold())
        assert floor.ears()["customer"] == {MUSIC}
        await floor.does("1001", c.Consult(c.ToAgent(AgentId("1002"))))
        calls["1002"] = await phones["1002"].rings()
        assert calls["1002"].invite.from_.uri.user == NUMBER
        phones["1002"].answers(calls["1002"])
        await trio.sleep(1)
        await floor.does("1001", c.Conference())
        assert floor.ears()["customer"] == {"1001", "1002"}
        await floor.does("1001", c.ExitConference())
        await trio.sleep(1)
        assert floor.state("1001") == "wrap_up"
        assert floor.ears() == {"customer": {"1002"}, "1002": {"customer"}}
        phones["gateway"].hangs_up(calls["customer"])
        await trio.sleep(1)
        assert figures(floor) == (1, {"handled": 1}, 0, 0)
        floor.check_nothing_is_left()


async def test_a_queue_takes_it_and_counts_it_from_then_on(autojump_clock) -> None:
    async with talking_outside("1003") as (floor, phones, calls):
        await floor.does("1001", c.Transfer(c.ToQueue(QueueName("spanish"))))
        offered = await phones["1003"].rings()
        assert figures(floor) == (1, {"handled": 1}, 0, 0)
        phones["1003"].answers(offered)
        await trio.sleep(1)
        spanish = floor.core.fold.figures().queues["spanish"]
        assert (spanish.offered, spanish.in_service) == (1, 1)
        phones["gateway"].hangs_up(calls["customer"])
        await trio.sleep(1)
        spanish = floor.core.fold.figures().queues["spanish"]
        assert (spanish.offered, spanish.handled, spanish.in_service) == (1, 1, 0)
        assert floor.core.fold.figures().in_flow == 0
        floor.check_nothing_is_left()


async def test_an_entry_point_is_walked_by_a_customer_who_was_called(autojump_clock) -> None:
    async with talking_outside("1003") as (floor, phones, _):
        await floor.does("1001", c.Transfer(c.ToEntryPoint("spanish")))
        assert floor.media.at_the_ear(floor.contact.customer) == {"greeting.wav"}
        offered = await phones["1003"].rings()
        phones["1003"].answers(offered)
        await trio.sleep(1)
        assert floor.ears() == {"customer": {"1003"}, "1003": {"customer"}}


@pytest.mark.parametrize("queue", [None, "support"])
@pytest.mark.parametrize("how", ["transfer", "phone"])
async def test_a_customer_who_lost_his_agent_waits_or_is_let_go(autojump_clock, queue, how) -> None:
    """In ``outbound.queue``; without one there is no place for him to wait."""
    outbound = {} if queue is None else {"queue": queue}
    async with talking_outside("1002", outbound=outbound) as (floor, phones, calls):
        if how == "phone":
            floor.media.falls_silent(f"{floor.contact.id}/1")
        else:
            await floor.commands("1002", m.SetAvailable())
            await floor.does("1001", c.Transfer(c.ToAgent(AgentId("1002"))))
            phones["1002"].rejects(await phones["1002"].rings(), 603)
        await trio.sleep(1)
        if queue is None:
            assert calls["customer"].state == "ended"
            (ended,) = floor.of(ev.ContactEnded)
            assert (ended.outcome, ended.ended_by) == (Outcome.HANDLED, EndedBy.SYSTEM)
            floor.check_nothing_is_left()
        else:
            assert floor.media.at_the_ear(floor.contact.customer) >= {MUSIC} or how == "phone"
            assert floor.core.fold.figures().queues["support"].offered == 1
        assert figures(floor) == (1, {"handled": 1}, 0, 0)


async def test_a_supervisor_listens_to_it(autojump_clock) -> None:
    agents = [*DEFAULT["agents"], {"id": "1009", "secret": "secret-1009", "role": "supervisor"}]
    async with talking_outside(agents=agents) as (floor, _, _):
        phone = await floor.supervisor("1009")
        done = await floor.does("1009", c.Monitor(), role="supervisor")
        assert isinstance(done, c.ContactDone)
        phone.answers(await phone.rings())
        await trio.sleep(1)
        assert floor.ears()["1009"] == {"customer", "1001"}


# --- R13 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["phone", "desktop"])
async def test_who_calls_while_he_is_rung_has_the_offer_withdrawn_r13(autojump_clock, way) -> None:
    """The contact waits again, at its place: in front of one that came later."""
    async with outside() as (floor, phones):
        anna, bert = floor.phone("anna"), floor.phone("bert")
        await anna.calls_to("2001")
        offered = await phones["1001"].rings()
        await bert.calls_to("2001")
        await trio.sleep(3)
        in_order = list(floor.core.directory.contacts)
        if way == "phone":
            await dials_out(phones["1001"], NUMBER)
        else:
            assert isinstance(await floor.commands("1001", m.PlaceCall(NUMBER)), m.CallStarted)
            phones["1001"].answers(await phones["1001"].rings())
        out = await phones["gateway"].rings()
        assert offered.state == "ended"
        assert floor.queue("support") == in_order
        again = floor.of(ev.ContactQueued)[-1]
        assert (again.contact.id, again.again) == (in_order[0], True)
        assert not floor.of(ev.ContactOfferFailed)  # no fault of his
        phones["gateway"].answers(out)
        await trio.sleep(1)
        assert floor.state("1001") == "engaged"
        phones["gateway"].hangs_up(out)
        await trio.sleep(6)
        back = await phones["1001"].rings()
        assert back.invite.from_.uri.user == "anna"


async def test_who_answers_before_he_calls_is_busy_r13(autojump_clock) -> None:
    """The other order: the call that he has answered is his."""
    async with outside() as (floor, phones):
        await floor.phone("anna").calls_to("2001")
        offered = await phones["1001"].rings()
        phones["1001"].answers(offered)
        await offered.wait("talking")
        call = await dials_out(phones["1001"], NUMBER)
        assert refusal_of(call) == '486 "AGENT_BUSY"'
        await trio.sleep(1)
        assert floor.state("1001") == "engaged"
        assert offered.state == "talking"


@pytest.mark.parametrize("seed", range(12))
async def test_who_answers_and_calls_in_one_instant_has_one_call_r13(autojump_clock, seed) -> None:
    """Whichever is heard first; the other customer waits again, or was never called."""
    async with outside(seed=seed) as (floor, phones):
        anna = await floor.phone("anna").calls_to("2001")
        offered = await phones["1001"].rings()
        call = await dials_out(phones["1001"], NUMBER, lambda: phones["1001"].answers(offered))
        await trio.sleep(1)
        assert sorted([offered.state == "talking", call.state == "talking"]) == [False, True]
        assert anna.state == "talking"
        agent = floor.core.directory.agents[AgentId("1001")].machine
        assert len(agent.engagements) == 1
        if call.state == "talking":
            assert len(floor.queue("support")) == 1
            assert (await phones["gateway"].rings()).state == "ringing"
        else:
            assert refusal_of(call) == '486 "AGENT_BUSY"'


@pytest.mark.parametrize("when", ["his phone rings", "the number rings", "they talk"])
async def test_an_agent_crashes_in_a_call_of_his_own(autojump_clock, when) -> None:
    """He is told of it again, if he was in it; and is given nothing else."""
    async with outside() as (floor, phones):
        await floor.commands("1001", m.PlaceCall(NUMBER))
        ringing = await phones["1001"].rings()
        if when != "his phone rings":
            phones["1001"].answers(ringing)
            out = await phones["gateway"].rings()
            if when == "they talk":
                phones["gateway"].answers(out)
            await trio.sleep(1)
        floor.core.directory.agents[AgentId("1001")].tell("nonsense")
        await trio.sleep(1)
        if when == "his phone rings":
            assert ringing.state == "ended"
            (ended,) = floor.of(ev.ContactEnded)
            assert ended.outcome is Outcome.UNREACHED
            assert floor.state("1001") == "available"
        else:
            assert floor.state("1001") == "engaged"
            phones["1001"].hangs_up(ringing)
            await trio.sleep(6)
            assert out.state == "ended"
            assert floor.state("1001") == "available"
        floor.check_nothing_is_left()
