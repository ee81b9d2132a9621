"""What a desktop is told: W01 to W03, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from actors import events as ev
from actors.ids import AgentId, ContactId
from actors.reasons import Outcome
from ccserver.core.door.queries import centre
from ccserver.journal.live import Live, Snapshot
from ccserver.journal.log import Entry
from ccserver.settings import Settings
from ccserver.web import desktop as desktop_module
from ccserver.web import model as model_module
from ccserver.web.desktop import Desktop, Desktops
from ccserver.web.model import Model, Viewer
from ccserver.web.store import Account
from tests.support.holdings import grown, held_by
from tests.support.web import SETTINGS, arrives, consults, is_offered, ref, talks, waits

CENTRE = centre(Settings.model_validate(SETTINGS))
ADA = Viewer(Account("ada", "agent", "1001"))
BEN = Viewer(Account("ben", "agent", "1002"))
SUE = Viewer(Account("sue", "supervisor", "1003"))
RED = Viewer(Account("red", "supervisor", teams=("red",)), frozenset({"1003"}))
EYE = Viewer(Account("eye", "read_only"))
VIEWERS = (ADA, BEN, SUE, RED, EYE)


class Floor:
    """A model, and the desktops that look at it."""

    def __init__(self) -> None:
        self.model = Model()
        agents = [AgentId(agent["id"]) for agent in CENTRE["agents"]]
        live = Live([queue["name"] for queue in CENTRE["queues"]], agents)
        self.model.replace(CENTRE, live.snapshot())
        self.desktops = Desktops(self.model)

    def happens(self, *events: ev.AnyEvent) -> None:
        for event in events:
            self.come_together([event])

    def come_together(self, events: Sequence[ev.AnyEvent]) -> None:
        """In one piece of the feed, with one behind them that shows nothing."""
        entries = [
            Entry(seq, seq * 1000, event) for seq, event in enumerate(events, self.model.seq + 1)
        ]
        self.desktops.changed(self.model.apply(entries, entries[-1].seq + 1))

    def truth(self, viewer: Viewer) -> dict[str, Any]:
        """What there is for him, made anew."""
        found: dict[str, Any] = {"agents": {}, "contacts": {}, "queues": {}}
        for key in self.model.everything():
            shown = self.model.shown(viewer, key)
            if shown is not None:
                found[key[0]][key[1]] = shown
        made: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(found))
        return made


class Client:
    """A desktop's own idea of the centre."""

    def __init__(self, floor: Floor, viewer: Viewer) -> None:
        self._floor, self._viewer = floor, viewer
        self.seq: int | None = None
        self.has: dict[str, dict[str, Any]] = {"agents": {}, "contacts": {}, "queues": {}}
        self.messages: list[dict[str, Any]] = []
        self.connects()

    def connects(self, after: int | None = None) -> None:
        self._desktop = self._floor.desktops.open(self._viewer)
        self._hears(self._desktop.begin(after))

    def leaves(self) -> None:
        self._floor.desktops.close(self._desktop)

    def takes(self) -> None:
        message = self._desktop.take()
        if message is not None:
            self._hears(message)

    def _hears(self, text: str) -> None:
        message = orjson.loads(text)
        self.messages.append(message)
        if message["type"] == "snapshot":
            self.has = {kind: dict(message[kind]) for kind in self.has}
        for kind, known in self.has.items():
            for name, value in message[kind].items():
                if value is None:
                    known.pop(name, None)
                else:
                    known[name] = value
        self.seq = message["seq"]

    def agrees(self) -> None:
        assert self.has == self._floor.truth(self._viewer)


def test_an_agent_is_told_of_himself_and_his_contacts_and_of_nobody_elses():
    floor = Floor()
    ada, ben = Client(floor, ADA), Client(floor, BEN)

    floor.happens(arrives("c1"), waits("c1"), is_offered("c1", "1001"))
    ada.takes()
    ben.takes()

    assert list(ada.has["agents"]) == ["1001"]
    assert ada.has["contacts"]["c1"]["ani"] == "+4930123456"
    assert ada.has["queues"] == {}
    assert ben.has["contacts"] == {}
    assert len(ben.messages) == 1


def test_a_contact_that_goes_to_another_agent_leaves_the_desktop_of_the_first():
    floor = Floor()
    ada, ben = Client(floor, ADA), Client(floor, BEN)
    floor.happens(arrives("c1"), is_offered("c1", "1001"))
    ada.takes()

    floor.happens(is_offered("c1", "1002"))
    ada.takes()
    ben.takes()

    assert ada.messages[-1]["contacts"] == {"c1": None}
    assert ben.has["contacts"]["c1"]["agent"] == "1002"


def test_who_is_asked_sees_the_contact_until_he_declines_and_who_asked_is_told_why():
    floor = Floor()
    ada, ben = Client(floor, ADA), Client(floor, BEN)
    floor.happens(arrives("c1"), talks("c1", "1001"))

    floor.happens(*consults("c1", "1001", "1002"))
    ben.takes()

    assert ben.has["agents"]["1002"]["state"] == "reserved"
    assert ben.has["contacts"]["c1"]["consult"]["variables"]["agent_name"] == "Ada"

    floor.happens(ev.AgentStateChanged(AgentId("1002"), "voice", "reserved", "idle"))
    floor.happens(ev.ConsultEnded(ref("c1"), "1001", "agent:1002", "USER_DECLINED", 3.0))
    ada.takes()
    ben.takes()

    assert ben.has["contacts"] == {}
    assert ada.has["contacts"]["c1"]["consult"]["outcome"] == "USER_DECLINED"


def test_an_agent_is_told_that_a_contact_comes_and_then_which():
    """V-3: connecting, then the contact request."""
    floor = Floor()
    ada = Client(floor, ADA)
    contact = ContactId("c1")
    floor.happens(arrives("c1"), waits("c1"))

    reserved = ev.AgentStateChanged(
        AgentId("1001"), "voice", "available", "reserved", contact=contact
    )
    floor.happens(reserved)
    ada.takes()
    floor.happens(is_offered("c1", "1001"))
    ada.takes()

    connecting, request = ada.messages[-2:]
    assert connecting["agents"]["1001"]["state"] == "reserved"
    assert connecting["contacts"] == {}
    assert request["contacts"]["c1"]["state"] == "being_offered"


def test_a_supervisor_of_a_team_sees_that_team_and_who_only_waits():
    floor = Floor()
    red = Client(floor, RED)

    floor.happens(arrives("c1"), waits("c1"), arrives("c2"), is_offered("c2", "1003"))
    red.takes()
    floor.happens(is_offered("c1", "1001"))
    red.takes()

    assert list(red.has["agents"]) == ["1003"]
    assert list(red.has["contacts"]) == ["c2"]
    assert set(red.has["queues"]) == {"support", "sales"}


def test_who_may_only_look_does_not_see_who_the_customer_is():
    floor = Floor()
    eye = Client(floor, EYE)
    outsider = ev.Participant("+4940777777", "outsider", "", "connected", (), 1.0)

    floor.happens(arrives("c1"), is_offered("c1", "1001"))
    floor.happens(ev.ContactStateChanged(ref("c1"), 1, "", "connected", 0.0, (outsider,)))
    eye.takes()

    assert "+4930123456" not in str(eye.has)
    assert "+4940777777" not in str(eye.has)
    assert eye.has["contacts"]["c1"]["ani"] == "***56"


# --- W02: away for a while ------------------------------------------------------------------------


def test_who_comes_back_with_his_number_is_told_only_what_has_changed():
    floor = Floor()
    sue = Client(floor, SUE)
    floor.happens(arrives("c1"), arrives("c2"))
    sue.takes()
    sue.leaves()
    floor.happens(ev.ContactEnded(ref("c1"), Outcome.ABANDONED), arrives("c3"))

    sue.connects(after=sue.seq)

    last = sue.messages[-1]
    assert last["type"] == "change"
    assert last["contacts"]["c1"] is None
    assert set(last["contacts"]) == {"c1", "c3"}
    sue.agrees()


def test_an_agent_who_comes_back_hears_nothing_of_contacts_that_were_never_his():
    floor = Floor()
    ada = Client(floor, ADA)
    ada.leaves()
    floor.happens(arrives("c1"), ev.ContactEnded(ref("c1"), Outcome.ABANDONED))
    floor.happens(arrives("c2"), is_offered("c2", "1002"))

    ada.connects(after=ada.seq)

    assert ada.messages[-1]["contacts"] == {}


@pytest.mark.parametrize("after", [None, 1_000_000])
def test_a_number_that_nobody_knows_gets_everything(after):
    floor = Floor()
    floor.happens(arrives("c1"))
    sue = Client(floor, SUE)

    sue.connects(after=after)

    assert sue.messages[-1]["type"] == "snapshot"
    sue.agrees()


def test_who_was_away_for_too_long_begins_anew(monkeypatch):
    monkeypatch.setattr(model_module, "MOST_GONE", 3)
    floor = Floor()
    sue = Client(floor, SUE)
    sue.leaves()
    for number in range(10):
        floor.happens(arrives(f"c{number}"))
        floor.happens(ev.ContactEnded(ref(f"c{number}"), Outcome.ABANDONED))

    sue.connects(after=sue.seq)

    assert sue.messages[-1]["type"] == "snapshot"
    sue.agrees()


def test_a_contact_that_has_ended_is_kept_as_a_number_a_name_and_whose_it_was(monkeypatch):
    def contacts(*numbers: int) -> None:
        for number in numbers:
            name = f"c{number}"
            floor.happens(arrives(name), waits(name), is_offered(name, "1001"))
            floor.happens(talks(name, "1001"), ev.ContactEnded(ref(name), Outcome.HANDLED))

    monkeypatch.setattr(model_module, "MOST_GONE", 40)
    floor = Floor()
    contacts(*range(20))
    before = held_by(floor.model)
    contacts(*range(20, 40))
    full = held_by(floor.model)
    contacts(*range(40, 80))

    assert grown(before, full, 10).keys() == {"_Gone", "tuple", "in deque"}
    assert grown(full, held_by(floor.model), 40) == {}


def test_whose_a_contact_was_is_told_that_it_has_ended_though_it_is_back():
    floor = Floor()
    ada = Client(floor, ADA)
    floor.happens(arrives("c1"), is_offered("c1", "1001"))
    ada.takes()
    ada.leaves()
    queues, agents = [queue["name"] for queue in CENTRE["queues"]], floor.model.live.agents
    without = Live(queues, agents)
    contact = floor.model.live.contacts[ContactId("c1")]
    for seq, contacts in ((10, {}), (11, {ContactId("c1"): structs.replace(contact, agent=None)})):
        snapshot = Snapshot(seq, without.agents, contacts, without.queues)
        floor.desktops.changed(floor.model.replace(CENTRE, snapshot))

    ada.connects(after=ada.seq)

    assert ada.messages[-1]["contacts"] == {"c1": None}


def test_a_core_that_was_started_again_is_compared_with_what_was_known():
    floor = Floor()
    sue, ada = Client(floor, SUE), Client(floor, ADA)
    floor.happens(arrives("c1"), is_offered("c1", "1001"))
    sue.takes()
    ada.takes()
    anew = Live([queue["name"] for queue in CENTRE["queues"]], [AgentId("1001")])

    snapshot = Snapshot(floor.model.seq + 5, anew.agents, anew.contacts, anew.queues)
    floor.desktops.changed(floor.model.replace(CENTRE, snapshot))
    sue.takes()
    ada.takes()

    assert ada.messages[-1]["contacts"] == {"c1": None}
    sue.agrees()
    ada.agrees()


CONTACTS = st.sampled_from(["c1", "c2", "c3"])
AGENTS = st.sampled_from(["1001", "1002", "1003"])
EVENTS = st.one_of(
    st.builds(arrives, CONTACTS),
    st.builds(waits, CONTACTS, st.sampled_from(["support", "sales"])),
    st.builds(is_offered, CONTACTS, AGENTS),
    st.builds(lambda name, one, two: talks(name, one, two), CONTACTS, AGENTS, AGENTS),
    st.builds(lambda name: talks(name, state="over"), CONTACTS),
    st.builds(lambda name: ev.ContactEnded(ref(name), Outcome.HANDLED), CONTACTS),
    st.builds(
        lambda agent, state: ev.AgentStateChanged(AgentId(agent), "voice", "idle", state),
        AGENTS,
        st.sampled_from(["available", "engaged"]),
    ),
    st.builds(lambda: ev.ServerStarted("1", "e")),
)
CLIENT = st.tuples(st.sampled_from(["takes", "comes or goes"]), st.integers(0, 4))
PIECES = st.lists(EVENTS, min_size=1, max_size=4)
STEPS = st.lists(st.booleans().flatmap(lambda client: CLIENT if client else PIECES), max_size=60)


@settings(max_examples=300)
@given(STEPS)
def test_whoever_reads_slowly_or_comes_and_goes_knows_in_the_end_what_the_server_knows(steps):
    floor = Floor()
    clients = [Client(floor, viewer) for viewer in VIEWERS]
    away: set[int] = set()

    for step in steps:
        match step:
            case ("comes or goes", number) if number not in away:
                clients[number].leaves()
                away.add(number)
            case ("comes or goes", number):
                clients[number].connects(clients[number].seq)
                away.discard(number)
            case ("takes", number):
                if number not in away:
                    clients[number].takes()
            case piece:
                floor.come_together(piece)

    for number, client in enumerate(clients):
        if number in away:
            client.connects(client.seq)
        client.takes()
        client.agrees()


# --- W01: slow readers ----------------------------------------------------------------------------


def test_what_waits_for_a_slow_desktop_is_bounded_by_what_there_is_to_see():
    floor = Floor()
    sue = Client(floor, SUE)
    for number in range(5000):
        floor.happens(arrives("c1"), waits("c1"), is_offered("c1", "1001"))
        floor.happens(ev.ContactEnded(ref("c1"), Outcome.HANDLED))
        del number

    sue.takes()

    assert len(sue.messages) == 2
    assert len(orjson.dumps(sue.messages[-1])) < 1000
    sue.agrees()


def test_a_desktop_that_takes_nothing_any_more_is_let_go(monkeypatch):
    monkeypatch.setattr(desktop_module, "PATIENCE", 0.01)
    floor = Floor()

    async def never(_: str) -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        asyncio.run(Desktop(floor.model, SUE).run(never, None))


def test_changes_come_together_when_they_come_fast(monkeypatch):
    monkeypatch.setattr(desktop_module, "PACE", 0.01)
    floor = Floor()
    heard: list[dict[str, Any]] = []

    enough = asyncio.Event()

    async def hear(text: str) -> None:
        heard.append(orjson.loads(text))
        if len(heard) == 2:
            enough.set()

    async def story() -> None:
        desktop = floor.desktops.open(SUE)
        task = asyncio.create_task(desktop.run(hear, None))
        await asyncio.sleep(0)
        floor.happens(arrives("c1"))
        floor.happens(waits("c1"))
        while len(heard) < 2:  # noqa: ASYNC110  (it happens in this turn)
            await asyncio.sleep(0)
        task.cancel()

    asyncio.run(story())

    assert [message["type"] for message in heard] == ["snapshot", "change"]
    assert heard[1]["contacts"]["c1"]["state"] == "waiting"


# --- W03: two desktops of one agent ---------------------------------------------------------------


def test_the_desktop_that_was_opened_last_commands():
    floor = Floor()

    first = floor.desktops.open(ADA)
    second = floor.desktops.open(ADA)
    other = floor.desktops.open(BEN)

    assert not floor.desktops.commands("ada", first.desk)
    assert floor.desktops.commands("ada", second.desk)
    assert floor.desktops.commands("ben", other.desk)
    assert orjson.loads(second.begin(None))["desk"] == second.desk


def test_a_desktop_that_has_gone_is_forgotten():
    floor = Floor()
    one, two = floor.desktops.open(ADA), floor.desktops.open(SUE)
    assert (len(floor.desktops), floor.desktops.of("ada")) == (2, 1)

    floor.desktops.close(one)
    floor.desktops.close(two)

    assert len(floor.desktops) == 0
