"""One day, three readers: the metrics port, the live view and the reports say the same of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from random import Random
from zoneinfo import ZoneInfo

import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families

from actors import commands as c
from actors import events as ev
from actors import messages as m
from actors.ids import AgentId, QueueName
from ccserver.journal import codec
from ccserver.journal.live import Live
from ccserver.journal.log import Entry
from ccserver.journal.metrics import render
from ccserver.journal.reports import AgentFigures, ContactFigures, QueueFigures, Report, Rules
from ccserver.journal.reports.figures import new_agent_figures, new_queue_figures
from ccserver.reporting.reading import entries_for
from tests.scenarios.test_transfer import PSTN
from tests.support.agreement import disagreements
from tests.support.centre import DEFAULT, EPOCH
from tests.support.day import random_day
from tests.support.kill_points import People
from tests.support.restarting import MortalCentre, mortal_centre

RULES = Rules(ZoneInfo("Europe/Sofia"))
DAY = {
    **PSTN,
    "queues": [
        {"name": "support", "requirements": {"english": 1}, "max_waiting": 4},
        {
            "name": "spanish",
            "requirements": {"spanish": 5},
            "overflows": [{"when": "waited", "seconds": 25, "queue": "support"}],
        },
    ],
    "agents": [
        *DEFAULT["agents"],
        {"id": "1004", "secret": "secret-1004", "skills": {"english": 3}},
        {"id": "1005", "secret": "secret-1005"},
        {"id": "1006", "secret": "secret-1006"},
    ],
}
SECONDS = 640.0
LONGEST = 1200.0
"""Seconds that no contact of a random day lasts."""
AGENT_TIMES = ("signed_in", "idle", "idle_codes", "available", "reserved", "wrapping_up")
DEATHS = (95.0, 300.0, 470.0)
Sample = dict[tuple[str, str], float]


async def a_day(people: People) -> None:
    """Calls that are answered, missed, refused, held, consulted on, handed over and given up."""
    people.gateway("10.0.1.200", rings=3.0, talks=25.0)
    await people.agent("1001", rings=2.0, talks=75)
    await people.agent("1002", rings=4.0, talks=40)
    await people.agent("1003", rings=1.0, talks=45)
    await people.agent("1004", rings=30.0, talks=20)  # his phone rings in vain
    await people.agent("1005", rings=1.0, talks=28)  # who is consulted
    await people.agent("1006", rings=1.0, talks=20)  # who calls outside
    for number in range(28):
        entry = "2003" if number % 3 == 0 else "2001"
        people.caller(f"caller{number}", 3.0 + 20.0 * number, 15.0 + (number * 37) % 120, entry)
    for number in range(6):  # more than may wait
        people.caller(f"burst{number}", 200.0 + number * 0.3, 60.0)
    for at in range(10, 560, 50):
        people.click(at, "1001", c.Hold())
        people.click(at + 4, "1001", c.Resume())
        people.click(at + 6, "1001", c.Consult(c.ToAgent(AgentId("1005"))))
        people.click(at + 14, "1001", c.Conference())
    for at in (45.0, 190.0):
        people.click(at, "1001", c.ExitConference())
        people.click(at + 80, "1001", c.Transfer())
        people.click(at + 20, "1002", c.Transfer(c.ToQueue(QueueName("spanish"))))
        people.click(at + 60, "1003", c.Transfer(c.ToAgent(AgentId("1005"))))
    people.click(60.0, "1002", m.SetIdle("lunch"))
    people.click(90.0, "1002", m.SetAvailable())
    people.click(330.0, "1004", m.SetAvailable())
    for at in (20.0, 180.0, 340.0):
        people.click(at, "1006", m.PlaceCall("0123"))


async def test_all_readers_of_a_day_with_three_crashes_say_the_same_at_every_moment(
    autojump_clock,
) -> None:
    async with mortal_centre(**DAY) as floor, trio.open_nursery() as nursery:
        await a_day(People(floor, nursery))
        deaths = list(DEATHS)
        while (now := trio.current_time()) < SECONDS:
            if deaths and now > deaths[0]:
                deaths.pop(0)
                await floor.restarts()
            agree(floor)
            await trio.sleep(9.7)
        await trio.sleep(200)
        queues, agents, rows = agree(floor)
        check_durations(floor, queues, agents, rows)
        check_that_there_was_something(queues, agents, rows)
        nursery.cancel_scope.cancel()


def agree(
    floor: MortalCentre,
) -> tuple[dict[str, QueueFigures], dict[str, AgentFigures], list[ContactFigures]]:
    """What each reader says of this moment."""
    rows: list[ContactFigures] = []
    report = Report(RULES, 15, contacts=rows.append)
    live = Live((), ())
    for seq, at, _, payload in floor.disk.rows:
        entry = Entry(seq, at, codec.decode(payload))
        report.apply(entry)
        live.apply(entry)
    report.finish(int(floor.wall() * 1e6))
    scraped = scrape(floor)
    queues, agents = report.queues(), report.agents()

    for name, f in queues.items():
        for figure, metric in (
            (f.offered, "contacts_offered_total"),
            (f.handled, "contacts_handled_total"),
            (f.overflowed, "contacts_overflowed_total"),
            (f.failed, "contacts_failed_total"),
            (f.requeued, "contacts_returned_total"),
            (f.waiting, "queue_waiting"),
            (f.being_offered, "contacts_being_offered"),
            (f.in_service, "contacts_in_service"),
        ):
            assert figure == scraped[metric, f"queue={name}"], (name, metric)
        for during, figure in (
            ("flow", f.abandoned_new + f.abandoned_treatment),
            ("queue", f.abandoned_queue),
            ("ringing", f.abandoned_agent_connect),
        ):
            assert figure == scraped["contacts_abandoned_total", f"during={during} queue={name}"]
        if name:
            shown = live.queues[QueueName(name)]
            now = (f.waiting, f.being_offered, f.in_service)
            assert now == (len(shown.waiting), shown.being_offered, shown.in_service)
            gone = f.handled + f.abandoned + f.overflowed + f.failed
            assert f.offered == gone + sum(now)

    states = Counter(agent.state for agent in live.agents.values())
    for state in ("signed_out", "idle", "available", "reserved", "engaged", "wrap_up"):
        assert states[state] == scraped["agents", f"state={state}"], state
    outbound = (
        scraped["outbound_calls", "state=dialling"],
        scraped["outbound_calls", "state=talking"],
    )
    assert sum(outbound) == sum(
        row.direction == "outbound" and row.ended is None and not row.queues for row in rows
    )
    assert sum(a.placed for a in agents.values()) == scraped["outbound_placed_total", ""]
    assert {row.contact for row in rows if row.ended is None} == set(live.contacts)
    return queues, agents, rows


def check_durations(
    floor: MortalCentre,
    queues: dict[str, QueueFigures],
    agents: dict[str, AgentFigures],
    rows: list[ContactFigures],
) -> None:
    """The day is over: the same sums, and the same counts behind them."""
    scraped = scrape(floor)

    def total(field: str) -> float:
        return float(sum(getattr(figures, field) for figures in queues.values()))

    def close(ours: float, metric: str) -> None:
        assert ours == pytest.approx(scraped[metric, ""], abs=1e-3), metric

    close(total("answered"), "answer_seconds_count")
    close(total("answer_wait"), "answer_seconds_sum")
    close(total("level_answered"), "answer_seconds_bucket le=20")
    close(sum(agent.wrap_up for agent in agents.values()), "wrap_up_seconds_sum")
    close(sum(agent.wrap_ups for agent in agents.values()), "wrap_up_seconds_count")
    close(total("conversations"), "talk_seconds_count")
    close(sum(map(total, ("talk", "hold", "post_call"))), "talk_seconds_sum")
    for field in ("talk", "hold", "consult", "post_call", "wrap_up"):
        assert total(field) == pytest.approx(total(f"apportioned_{field}"), abs=1e-3), field
    for agent in agents.values():
        told = agent.idle + agent.available + agent.reserved + agent.engaged + agent.wrapping_up
        assert agent.signed_in == pytest.approx(told)
        on_calls = sum(
            getattr(agent, f"apportioned_{does}")
            for does in ("talk", "hold", "consult", "consulted", "post_call", "monitoring")
        )
        if not agent.placed:  # while he hears it ring outside, he is engaged and talks to nobody
            assert on_calls == pytest.approx(agent.engaged, abs=0.5)
    states = {
        label.removeprefix("state="): value
        for (name, label), value in scraped.items()
        if name == "call_state_seconds_sum"
    }
    talked = states["connected"] + states["conference"] + states["consult_on_hold"]
    assert sum(row.talk for row in rows) == pytest.approx(talked, abs=1e-3)
    transfers = sum(v for (name, _), v in scraped.items() if name == "transfers_total")
    assert sum(row.transfers_blind + row.transfers_consult for row in rows) == transfers
    failed = sum(v for (name, _), v in scraped.items() if name == "offers_failed_total")
    assert total("missed") + total("rejected") + total("offer_errors") == failed
    diverted = sum(v for (name, _), v in scraped.items() if name == "contacts_diverted_total")
    assert total("diverted") == diverted


def check_that_there_was_something(
    queues: dict[str, QueueFigures], agents: dict[str, AgentFigures], rows: list[ContactFigures]
) -> None:
    """The test proves nothing of a day on which nothing of the kind happened."""
    assert len(rows) > 25
    for field in (
        *("handled", "abandoned_queue", "overflowed", "missed", "diverted", "hold", "consult"),
        *("conferences", "transfers_blind", "post_calls", "level_missed", "level_answered"),
    ):
        assert sum(getattr(figures, field) for figures in queues.values()), field
    assert sum(agent.reached for agent in agents.values())
    assert agents["1002"].idle_codes.keys() >= {"lunch"}


def scrape(floor: MortalCentre) -> Sample:
    """By the name without ``ccserver_`` and the labels; of a bucket, by its bound too."""
    body, _ = render(floor.core.metrics.snapshot())
    found: Sample = {}
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            labels = dict(sample.labels)
            bound = labels.pop("le", None)
            name = sample.name.removeprefix("ccserver_")
            if bound is not None:
                name += f" le={float(bound):g}"
            text = " ".join(f"{key}={value}" for key, value in sorted(labels.items()))
            found[name, text] = sample.value
    return found


@pytest.mark.parametrize("seed", range(3))
async def test_a_random_day_with_reloads_is_accounted_for(autojump_clock, seed) -> None:
    async with random_day(seed) as floor:
        rows = floor.core.journal.rows(0, 1_000_000)
        entries = [Entry(seq, at, codec.decode(payload)) for seq, at, payload in rows]
        figures = floor.core.fold.figures()
        assert not disagreements(entries, figures, int(floor.wall() * 1e6))
        assert sum(queue.handled for queue in figures.queues.values()) > 20
        lost = next(n for n, e in enumerate(entries) if isinstance(e.event, ev.ContactEnded))
        assert disagreements(
            [*entries[:lost], *entries[lost + 1 :]], figures, int(floor.wall() * 1e6)
        )


async def test_a_day_that_is_read_in_pieces_adds_up_to_the_day(autojump_clock) -> None:
    async with random_day(4) as floor:
        journal, zero = floor.core.journal, int(EPOCH * 1e6)
        until = int(floor.wall() * 1e6)

        def read(begin: int, end: int, longest: float = LONGEST) -> Report:
            report = Report(RULES, begin=begin, end=end)
            for entry in entries_for(journal, report, begin, end, longest):
                report.apply(entry)
            report.finish(end)
            return report

        whole = read(zero, until)
        random = Random(7)
        for _ in range(10):
            cut = random.randrange(zero, until)
            first, second = read(zero, cut), read(cut, until)
            for name, figures in whole.queues().items():
                both = new_queue_figures()
                both.add(first.queues().get(name, both))
                both.add(second.queues()[name])
                assert seconds_apart(figures, both, both.__struct_fields__) < 1e-3, name
            # What an agent was is found however long ago he came to be it.
            second = read(cut, until, longest=1.0)
            for name, agent in whole.agents().items():
                halves = new_agent_figures()
                halves.add(first.agents().get(name, halves))
                halves.add(second.agents()[name])
                assert seconds_apart(agent, halves, AGENT_TIMES) < 1e-3, name


def seconds_apart(
    one: QueueFigures | AgentFigures, other: QueueFigures | AgentFigures, names: Iterable[str]
) -> float:
    """The greatest difference between two of their figures."""
    apart = 0.0
    for name in names:
        ours, theirs = getattr(one, name), getattr(other, name)
        if isinstance(ours, dict):
            pairs = [(ours.get(key, 0), theirs.get(key, 0)) for key in {*ours, *theirs}]
        else:
            pairs = [(ours, theirs)]
        apart = max([apart, *(abs(a - b) for a, b in pairs)])
    return apart
