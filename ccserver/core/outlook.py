"""What a contact may ask of a queue: how it stands there, and whether a place of his is kept."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping

from msgspec.structs import replace

from actors import events as ev
from actors import messages as m
from actors.effects import LookAtQueue
from actors.forecast import Forecast
from actors.ids import AgentId
from actors.past import Past
from actors.place import Place
from actors.returning import Returning
from ccserver.core import plan
from ccserver.journal.log import Journal
from ccserver.settings import Settings


class Outlook:
    """Two readers of the journal whom contacts may ask.

    ``now`` gives monotonic seconds; ``states``: the agents', as an earlier run left them, and
    ``past``, what it knew.
    """

    def __init__(
        self,
        settings: Settings,
        now: Callable[[], float],
        states: Mapping[AgentId, str],
        past: Past | None = None,
    ) -> None:
        policy = plan.policy(settings, "")
        self._catch_up: Callable[[Container[type]], None] = lambda kinds: None
        self.forecast = Forecast(
            plan.able_agents(settings), now, states, policy, past.handling if past else None
        )
        self.returning = Returning(plan.resume_seconds(settings), now)
        if past is not None:
            self.returning.go_on(past)

    def configure(self, settings: Settings) -> None:
        self.forecast.configure(plan.able_agents(settings), plan.policy(settings, ""))
        self.returning.configure(plan.resume_seconds(settings))

    def listen(self, journal: Journal) -> None:
        self._catch_up = journal.tell_readers
        journal.listen_by_kind(self.forecast.handlers)
        journal.listen_by_kind(self.returning.handlers)

    def apply(self, event: ev.AnyEvent) -> None:
        """Where there is no journal to listen to."""
        self.forecast.apply(event)
        self.returning.apply(event)

    def look(self, asked: LookAtQueue, *, estimated: bool = True) -> m.QueueSeen:
        """``estimated``: somebody goes by the wait that is to be expected."""
        self._catch_up(self.forecast.handlers)
        place, regained = asked.place, None
        if asked.caller is not None and self.returning.keeps_places:
            self._catch_up(self.returning.handlers)
            regained = self.returning.take(asked.contact, asked.queue, asked.caller)
        if regained is not None:
            place = Place(place.priority, regained.place.since, regained.place.seq)
        seen = self.forecast.look(asked.contact, asked.queue, place, estimated=estimated)
        return seen if regained is None else replace(seen, regained=regained)
