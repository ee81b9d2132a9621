"""docs/permissions.md, cell by cell: what it says is what the machine answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from actors import commands as c
from actors.conversation import Consulting, Conversation, Party, Requested
from actors.dossier import AgentCard, World
from actors.ids import AgentId, ContactId, LegId
from actors.permissions import ACTIONS, allowed, refusal
from actors.reasons import Refusal

PAGE = Path(__file__).parents[2] / "docs" / "permissions.md"
WORLD = World({})


def party(kind: str, name: str) -> Party:
    agent = AgentId(name) if kind == "agent" else None
    return Party(kind, name, LegId(f"c/{name}"), 0.0, agent, ContactId(f"c.{name}"))


ONE, TWO, THREE = party("agent", "1001"), party("agent", "1002"), party("agent", "1003")
OUTSIDER = party("outsider", "0123")


def two() -> Conversation:
    return Conversation(party("customer", "customer"), ONE)


def held() -> Conversation:
    talk = two()
    talk.ear = "nobody"
    return talk


def requested(*, rings: bool) -> Conversation:
    talk = two()
    to = c.ToAgent(AgentId("1002"))
    talk.consultation = Requested(ONE, to, SimpleNamespace(rings=rings), 0.0)
    talk.ear = "consult"
    return talk


def consulting(ear: str = "consult", far: Party = TWO) -> Conversation:
    talk = two()
    talk.consultation = Consulting(ONE, c.ToAgent(AgentId("1002")), far, 0.0)
    talk.ear = ear
    return talk


def conference(*others: Party) -> Conversation:
    talk = two()
    talk.parties.extend(others or (TWO, THREE))
    return talk


def consulting_from_conference() -> Conversation:
    talk = conference(TWO)
    talk.consultation = Consulting(ONE, c.ToAgent(AgentId("1003")), THREE, 0.0)
    talk.ear = "consult"
    return talk


def full() -> Conversation:
    return conference(*(party("agent", str(1002 + n)) for n in range(6)))


def post_call() -> Conversation:
    talk = conference()
    del talk.parties[0]
    talk.post_call = True
    return talk


COLUMNS: dict[str, tuple[Callable[[], Conversation], Party]] = {
    "connected": (two, ONE),
    "held": (held, ONE),
    "requested": (lambda: requested(rings=False), ONE),
    "rings": (lambda: requested(rings=True), ONE),
    "consulting": (consulting, ONE),
    "consult on hold": (lambda: consulting("main"), ONE),
    "both on hold": (lambda: consulting("nobody"), ONE),
    "consulted agent": (consulting, TWO),
    "consulted outsider": (lambda: consulting(far=OUTSIDER), OUTSIDER),
    "primary": (conference, ONE),
    "conferenced agent": (conference, TWO),
    "outsider": (lambda: conference(TWO, OUTSIDER), OUTSIDER),
    "who consults": (consulting_from_conference, ONE),
    "another, meanwhile": (consulting_from_conference, TWO),
    "eight are in it": (full, ONE),
    "post call": (post_call, ONE),
    "post call, another": (post_call, TWO),
}


def cells() -> list[object]:
    found = []
    columns: list[str] = []
    for line in PAGE.read_text().splitlines():
        row = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        if line.startswith("| action |"):
            columns = row[1:]
        elif line.startswith("| `"):
            action = row[0]
            found.extend(
                pytest.param(action, column, cell, id=f"{action}-{column}")
                for column, cell in zip(columns, row[1:], strict=True)
            )
    return found


CELLS = cells()


@pytest.mark.parametrize(("action", "column", "cell"), CELLS)
def test_a_cell(action: str, column: str, cell: str) -> None:
    make, who = COLUMNS[column]
    talk = make()
    expected = None if cell == "yes" else Refusal(cell)
    assert refusal(talk, who, ACTIONS[action], WORLD) == expected
    assert (action in allowed(talk, who, WORLD)) == (cell == "yes")


def test_every_action_and_every_situation_has_its_cells() -> None:
    assert {cell.values[0] for cell in CELLS} == set(ACTIONS)
    assert {cell.values[1] for cell in CELLS} == set(COLUMNS)
    assert len(CELLS) == len(ACTIONS) * len(COLUMNS)


@pytest.mark.parametrize(
    ("permission", "commands"),
    [
        ("hold", [c.Hold(), c.Resume(), c.Hold("consult"), c.Resume("consult")]),
        ("consult", [c.Consult(c.ToNumber("1"))]),
        ("conference", [c.Conference()]),
        ("transfer", [c.Transfer(), c.Transfer(c.ToNumber("1"))]),
    ],
)
def test_an_action_without_its_permission_is_refused(permission, commands) -> None:
    """V-1."""
    others = frozenset({"hold", "consult", "conference", "transfer"} - {permission})
    world = World({}, agents={AgentId("1001"): AgentCard(permissions=others)})
    for command in commands:
        assert refusal(consulting(), ONE, command, world) is Refusal.NOT_PERMITTED
    assert refusal(two(), ONE, c.End(), world) is None  # who is in a call may always leave it
