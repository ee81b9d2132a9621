"""docs/who-hears-whom.md, row by row: what the machine says, at every ear, by FFT."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from actors import commands as c
from actors import events as ev
from actors.conversation import Consulting, Conversation, Monitoring, Party, Requested
from actors.dossier import Dossier, World
from actors.effects import Effect, Hear, Play, StopPlaying
from actors.flow import QueuePlan
from actors.ids import AgentId, ContactId, LegId, QueueName
from actors.publication import Publication
from ccserver.media.player import Player
from ccserver.media.wav import Sound
from sip.message import NameAddr, Uri
from tests.support import ears
from tests.support.room import Room

PAGE = Path(__file__).parents[3] / "docs" / "who-hears-whom.md"
TONES = {"customer": 440.0, "1001": 620.0, "1002": 810.0, "1003": 1030.0, "supervisor": 1290.0}
TONES |= {"1004": 1510.0, "1005": 1770.0, "1006": 2090.0, "1007": 2390.0}
SOUNDS = {"music": 350.0, "ringing": 280.0}
LAWS = {
    "alike": dict.fromkeys(TONES, "PCMU"),
    "mixed": dict(zip(TONES, ["PCMU", "PCMA", "G722"] * 3, strict=True)),
}


def party(name: str) -> Party:
    kind = name if name in ("customer", "supervisor") else "agent"
    agent = None if name == "customer" else AgentId(name)
    return Party(kind, name, LegId(name), 0.0, agent, ContactId(f"c.{name}"))


PARTIES = {name: party(name) for name in TONES}
ONE, TWO, THREE = PARTIES["1001"], PARTIES["1002"], PARTIES["1003"]
TO = c.ToAgent(AgentId("1002"))


def main(*names: str, control: str = "1001") -> Callable[[Conversation], None]:
    """These are in the main call, and nobody is consulted."""

    def change(talk: Conversation) -> None:
        talk.parties = [PARTIES[name] for name in names]
        talk.primary = PARTIES[control]
        talk.consultation, talk.ear = None, "main"
        talk.post_call = "customer" not in names

    return change


def ear(which: str) -> Callable[[Conversation], None]:
    def change(talk: Conversation) -> None:
        talk.ear = which

    return change


def asks(talk: Conversation) -> None:
    talk.consultation = Requested(ONE, TO, SimpleNamespace(rings=True), 0.0)
    talk.ear = "consult"


def consults(far: Party) -> Callable[[Conversation], None]:
    def change(talk: Conversation) -> None:
        talk.consultation, talk.ear = Consulting(ONE, TO, far, 0.0), "consult"

    return change


def joins_early(talk: Conversation) -> None:
    asks(talk)
    assert isinstance(talk.consultation, Requested)
    talk.consultation.then, talk.ear = "join", "main"


def monitors(mode: c.MonitorMode) -> Callable[[Conversation], None]:
    def change(talk: Conversation) -> None:
        talk.monitorings = [Monitoring(PARTIES["supervisor"], AgentId("1001"), mode)]

    return change


def alone(talk: Conversation) -> None:
    talk.monitorings.clear()


TALK = main("customer", "1001")
CONFERENCE = main("customer", "1001", "1002")
FOUR = main("customer", "1001", "1002", "1003")
HELD, SWAPPED = ear("nobody"), ear("main")
SITUATIONS: dict[str, tuple[Callable[[Conversation], None], ...]] = {
    "connected": (HELD, TALK),
    "held": (HELD,),
    "consult requested": (asks,),
    "consulting": (asks, consults(TWO)),
    "consult on hold": (consults(TWO), SWAPPED),
    "both on hold": (consults(TWO), SWAPPED, HELD),
    "consult ended": (consults(TWO), TALK, HELD),
    "joined before the answer": (asks, joins_early),
    "the customer left the consult": (consults(TWO), main("1001", "1002")),
    "who consults hung up": (consults(TWO), main("customer", "1002", control="1002")),
    "transferred": (consults(TWO), main("customer", "1002", control="1002")),
    "conference": (consults(TWO), CONFERENCE),
    "consult requested from it": (CONFERENCE, asks),
    "consulting from it": (CONFERENCE, asks, consults(THREE)),
    "the consulted one waits": (CONFERENCE, consults(THREE), SWAPPED),
    "a fourth has joined": (CONFERENCE, consults(THREE), FOUR),
    "who controlled it left": (FOUR, main("customer", "1002", "1003", control="1002")),
    "an agent left": (FOUR, main("customer", "1001", "1003")),
    "Post Call": (FOUR, main("1001", "1002", "1003")),
    "Post Call of two": (CONFERENCE, main("1001", "1002")),
    "listens": (monitors("listen"),),
    "whispers": (monitors("listen"), monitors("whisper")),
    "barges in": (monitors("whisper"), monitors("barge_in")),
    "listens to a hold": (monitors("listen"), HELD),
    "whispers in a hold": (monitors("whisper"), HELD),
    "listens to a consult": (monitors("listen"), consults(TWO)),
    "whispers in a consult": (monitors("whisper"), consults(TWO)),
    "listens while the consult waits": (monitors("listen"), consults(TWO), SWAPPED),
    "listens to a conference": (monitors("listen"), CONFERENCE),
    "whispers in a conference": (monitors("whisper"), CONFERENCE),
    "barges in on a conference": (monitors("barge_in"), CONFERENCE),
    "left again": (monitors("barge_in"), alone),
}


def rows() -> list[object]:
    found = []
    names: list[str] = []
    for line in PAGE.read_text().splitlines():
        row = [cell.strip() for cell in line.removesuffix("|").removeprefix("|").split("|")]
        if row[0] == "situation":
            names = row[1:]
        elif row[0] in SITUATIONS:
            cells = zip(names, row[1:], strict=True)
            heard = {name: set(who.split()) - {"nobody"} for name, who in cells if who}
            found.append(pytest.param(row[0], heard, id=row[0]))
    return found


ROWS = rows()


class Stage:
    """A conversation, the machine that says who hears whom, and the matrix that does it."""

    def __init__(self, codecs: dict[str, str]) -> None:
        self.codecs, self.room = codecs, Room()
        self.talk = Conversation(PARTIES["customer"], ONE)
        caller = NameAddr("", Uri.parse("sip:anna@example.com"))
        plan = QueuePlan(QueueName("support"), "music", 18.0)
        world = World({}, ringback="ringing")
        ref = ev.ContactRef(ContactId("c"))
        self.dossier = Dossier(
            ref, LegId("customer"), caller, world, lambda: self.room.now, lambda: 0.0, arrival=1
        )
        self.publication = Publication(self.dossier, self.talk, plan, {})
        self.settles()

    def settles(self) -> None:
        """Who comes is there before he hears; who has gone is gone after it."""
        here = {one.name for one in self.talk.everyone()}
        for name in sorted(here - set(self.room.parties)):
            self.room.enter(name, TONES[name], self.codecs[name])
            self.dossier.legs[LegId(name)] = None
        for effect in self.publication.settle():
            self._perform(effect)
        for name in sorted(set(self.room.parties) - here):
            self.room.leave(name)
            del self.dossier.legs[LegId(name)]

    def _perform(self, effect: Effect) -> None:
        room = self.room
        match effect:
            case Hear(leg, sources):
                if leg in room.parties:
                    room.hear(**{leg: [name for name in sources if name in room.parties]})
            case Play(leg, _, (file,)):
                laws = (ears.tone(law, SOUNDS[file], samples=8000) for law in ("PCMU", "PCMA"))
                player = Player(file, [Sound(*laws)], loop=True, barge_in=False)
                room.matrix.play(room.parties[leg].session, player)
            case StopPlaying(leg):
                room.matrix.stop_playing(room.parties[leg].session, None)

    def hears_something(self) -> set[str]:
        sounds = {*self.talk.on_music(), *self.talk.on_ringback()}
        return {
            str(leg) for leg, sources in self.talk.hearing().items() if sources or leg in sounds
        }

    def heard(self) -> dict[str, set[str]]:
        self.room.passes(0.2)
        for one in self.room.parties.values():
            one.forget()
        self.room.passes(0.4)
        names = {hertz: name for name, hertz in (TONES | SOUNDS).items()}
        return {
            name: {names[h] for h in ears.tones_heard(one.codec, one.audio(), list(names))}
            for name, one in self.room.parties.items()
        }


@pytest.mark.parametrize("codecs", LAWS)
@pytest.mark.parametrize(("situation", "heard"), ROWS)
def test_a_row(codecs: str, situation: str, heard: dict[str, set[str]]) -> None:
    stage = Stage(LAWS[codecs])
    for change in SITUATIONS[situation]:
        stage.room.passes(0.2)
        change(stage.talk)
        stage.settles()

    assert stage.heard() == heard


@pytest.mark.parametrize("codecs", LAWS)
@pytest.mark.parametrize("size", range(3, 9))
def test_in_a_conference_all_hear_all_others(codecs: str, size: int) -> None:
    everyone = [name for name in TONES if name != "supervisor"][:size]
    stage = Stage(LAWS[codecs])
    for number in range(3, size + 1):
        stage.room.passes(0.1)
        main(*everyone[:number])(stage.talk)
        stage.settles()

    assert stage.heard() == {name: set(everyone) - {name} for name in everyone}


def test_every_situation_has_its_row() -> None:
    assert {row.values[0] for row in ROWS} == set(SITUATIONS)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_change_costs_nobody_more_than_a_frame(situation: str) -> None:
    """Whoever hears somebody, or music, all the way there, relayed or mixed: at most one frame of
    20 ms is missing at a change, and the numbers of his packets are without a gap.
    """
    stage = Stage(LAWS["alike"])
    stage.room.passes(0.3)
    always = stage.hears_something()
    for one in stage.room.parties.values():
        one.forget()
    for change in SITUATIONS[situation]:
        change(stage.talk)
        stage.settles()
        always &= stage.hears_something()
        stage.room.passes(0.3)

    for name in always:
        one = stage.room.parties[name]
        numbers = {(b.sequence - a.sequence) % 2**16 for a, b in pairwise(one.heard)}
        assert numbers == {1}
        assert max(b - a for a, b in pairwise(one.heard_at)) < 2 * FRAME + 0.001


FRAME = 0.02
"""Seconds."""
