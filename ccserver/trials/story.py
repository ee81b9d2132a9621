"""A trial played on the floor: who is there, who calls, and what they do as the trial says.

A phone rings at once, its agent answers or does not, and hangs up when he has talked.  Prompts are
over as soon as they begin.
"""

from __future__ import annotations

from functools import partial

from actors import events as ev
from actors import messages as m
from actors.ids import AgentId, ContactId, LegId, agent_actor
from actors.reasons import EndedBy
from ccserver.journal.log import Entry
from ccserver.settings import Settings
from ccserver.trials.floor import BEGINNING, Floor
from ccserver.trials.model import AgentThere, Caller, Change, Trial
from sip.message import Uri


class Story:
    """``play`` it once; ``entries`` are the journal that a server would have written."""

    def __init__(self, settings: Settings, trial: Trial) -> None:
        self._settings, self._trial = settings, trial
        first = min([0.0, *(caller.after_seconds for caller in trial.callers)])
        earliest = max([-first, *(there.available_seconds for there in trial.agents)])
        self.entries: list[Entry] = []
        self._floor = Floor(
            settings,
            self,
            self._hear,
            begins=trial.at.timestamp(),
            starts=BEGINNING - earliest - 1.0,
            seed=trial.seed,
        )
        self._there = {there.id: there for there in trial.agents}
        self._connected: set[ContactId] = set()

    def play(self) -> list[Entry]:
        """From before the beginning to the end of the story.  Raises EndlessStory."""
        floor, trial = self._floor, self._trial
        floor.open()
        for there in trial.agents:
            floor.at(BEGINNING - there.available_seconds, partial(self._arrives, there))
            if there.engaged_seconds or there.state == "idle":
                floor.at(BEGINNING, partial(self._begins, there))
        for caller in trial.callers:
            floor.at(BEGINNING + caller.after_seconds, partial(self._calls, caller))
        for change in trial.changes:
            floor.at(BEGINNING + change.after_seconds, partial(self._changes, change))
        floor.until(BEGINNING + trial.seconds)
        return self.entries

    def wall(self) -> float:
        """Seconds since 1970, now."""
        return self._floor.wall()

    def _hear(self, at: int, event: ev.AnyEvent) -> None:
        self.entries.append(Entry(len(self.entries) + 1, at, event))
        if isinstance(event, ev.ContactConnected):
            self._connected.add(event.contact.id)

    # --- people -------------------------------------------------------------------------------

    def _arrives(self, there: AgentThere) -> None:
        self._floor.has_phone(there.id)
        self._floor.commands(there.id, m.SetAvailable())

    def _begins(self, there: AgentThere) -> None:
        floor, name = self._floor, agent_actor(AgentId(there.id))
        if there.state == "idle":
            floor.commands(there.id, m.SetIdle(self._settings.idle_codes[0]))
        if there.engaged_seconds:
            earlier = ContactId(f"earlier-{there.id}")
            floor.tell(name, m.ContactKept(earlier, None))
            floor.at(BEGINNING + there.engaged_seconds, partial(self._is_done, name, earlier))

    def _is_done(self, agent: str, earlier: ContactId) -> None:
        """With the conversation that he had when the story began."""
        self._floor.tell(agent, m.ConversationEnded(earlier, EndedBy.CUSTOMER))
        self._floor.tell(agent, m.AgentLegDown(earlier))

    def _changes(self, change: Change) -> None:
        match change.state:
            case "available":
                self._floor.commands(change.agent, m.SetAvailable())
            case "signed_out":
                self._floor.commands(change.agent, m.SignOut())
            case "idle":
                code = change.code or self._settings.idle_codes[0]
                self._floor.commands(change.agent, m.SetIdle(code))

    def _calls(self, caller: Caller) -> None:
        floor, contact = self._floor, ContactId(caller.name)
        leg = floor.calls(contact, caller.ani, caller.dials)
        if caller.patience_seconds is not None:
            floor.at(floor.now + caller.patience_seconds, partial(self._gives_up, contact, leg))

    def _gives_up(self, contact: ContactId, customer: LegId) -> None:
        """Unless an agent talks with him, or has."""
        if contact not in self._connected:
            self._floor.ends(customer, "bye")

    # --- phones -------------------------------------------------------------------------------

    def called(self, contact: ContactId, leg: LegId, dial: m.Dial) -> None:
        number = Uri.parse(dial.target.aor).user or ""
        there = self._there.get(number) if dial.trunk is None else AgentThere(id=number)
        floor = self._floor
        floor.rings(leg)
        if there is not None and there.answers:
            floor.at(floor.now + there.answers_after_seconds, partial(self._answers, leg, there))

    def hears(self, contact: ContactId, leg: LegId, token: str) -> None:
        self._floor.has_heard(leg, token)

    def replied(self, to: str, answer: object) -> None:
        """Nobody looks at it."""

    def _answers(self, leg: LegId, there: AgentThere) -> None:
        floor = self._floor
        if floor.is_up(leg):
            floor.answers(leg)
            floor.at(floor.now + there.talks_seconds, partial(floor.ends, leg, "bye"))
