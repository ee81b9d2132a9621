"""What follows from a conversation: who hears whom, who is on music, and what all may know of it.

Everything is derived from the conversation as it stands and sent as the difference to what was
sent before, so that no command has to think of it.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from actors import events as ev
from actors.conversation import Consulting, Conversation, Party
from actors.dossier import Dossier
from actors.effects import Effect, Hear, Play, Record, StopPlaying
from actors.flow import QueuePlan
from actors.ids import LegId
from actors.past import PastTalk
from actors.permissions import allowed

UNKNOWN = (LegId("?"),)
"""Whom a leg of an earlier run hears."""


class Publication:
    """``version`` rises with every change that anyone can see.

    ``playing``: what plays to whom already.
    """

    def __init__(
        self,
        dossier: Dossier,
        talk: Conversation,
        plan: QueuePlan,
        playing: Mapping[LegId, str],
    ) -> None:
        self.version = 0
        self._dossier, self._talk, self._plan = dossier, talk, plan
        self._heard: dict[LegId, tuple[LegId, ...]] = {}
        self._playing: dict[LegId, str] = dict(playing)
        self._shown: tuple[str, tuple[ev.Participant, ...]] = ("", ())
        self._since = dossier.now()

    def recover(self, past: PastTalk, playing: Container[LegId]) -> None:
        """As an earlier run of the server published it last; something plays at ``playing``.

        Who hears whom is said again: the media process may not have heard it all.
        """
        self.version, self._since = past.version, past.since
        self._shown = (past.state, past.participants)
        self._heard = dict.fromkeys(self._talk.hearing(), UNKNOWN)
        wanted = dict.fromkeys(self._talk.on_music(), self._plan.music)
        legs = [party.leg for party in self._talk.everyone() if party.leg in playing]
        self._playing = {leg: wanted.get(leg, "") for leg in legs}

    def settle(self) -> list[Effect]:
        return [*self._sound(), *self._state()]

    def silence(self) -> list[Effect]:
        """The customer leaves the conversation: he hears none of it."""
        return [
            Hear(leg, ())
            for leg, sources in self._heard.items()
            if sources and leg in self._dossier.legs
        ]

    def close(self) -> list[Effect]:
        """The conversation is over, or its customer is elsewhere: the last state has lasted."""
        lasted = self._dossier.now() - self._since
        self.version += 1
        over = ev.ContactStateChanged(
            self._dossier.ref, self.version, self._shown[0], "over", lasted, ()
        )
        return [Record(over)]

    def _sound(self) -> list[Effect]:
        talk, living = self._talk, self._dossier.legs
        wanted = dict.fromkeys(talk.on_music(), self._plan.music)
        wanted.update(dict.fromkeys(talk.on_ringback(), self._dossier.world.ringback))
        hearing = talk.hearing()
        effects: list[Effect] = [
            StopPlaying(leg)
            for leg, file in self._playing.items()
            if wanted.get(leg) != file and leg in living
        ]
        for leg, sources in hearing.items():
            if self._heard.get(leg, ()) != sources:
                effects.append(Hear(leg, sources))
        effects.extend(
            Play(leg, self._dossier.new_token(), (file,), loop=True)
            for leg, file in wanted.items()
            if self._playing.get(leg) != file
        )
        self._playing, self._heard = wanted, hearing
        return effects

    def _state(self) -> list[Effect]:
        talk, world = self._talk, self._dossier.world
        participants = tuple(
            ev.Participant(
                party.agent or party.name,
                party.kind,
                "primary" if party is talk.primary else "",
                talk.state_of(party),
                allowed(talk, party, world),
                party.since,
                party.leg,
                party.request,
                _part(talk, party),
            )
            for party in talk.everyone()
        )
        shown = (talk.state(), participants)
        if shown == self._shown:
            return []
        before, self._shown = self._shown[0], shown
        self.version += 1
        now = self._dossier.now()
        lasted = 0.0
        if before != shown[0]:
            lasted, self._since = now - self._since, now
        changed = ev.ContactStateChanged(
            self._dossier.ref, self.version, before, shown[0], lasted, participants
        )
        return [Record(changed)]


def _part(talk: Conversation, party: Party) -> str:
    match talk.consultation:
        case Consulting(far=far) if party is far:
            return "consulted"
        case _:
            return "consults" if party is talk.initiator else ""
