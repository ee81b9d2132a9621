"""A feature code: an agent dials it on his phone, hears whether it worked, and is hung up.

    Deciding -> Answering -> Telling -> Ending

It is a call without a customer: no contact, no queue, one leg.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from actors import messages as m
from actors.effects import Effect, Play, TellAgent, TellLeg
from actors.ids import AgentId, ContactId, LegId
from sip.machine import CancelTimer, StartTimer, Stop, TimerFired

LEASE = 20.0
"""A feature call takes no longer, whatever fails."""


class Start(Struct, frozen=True, gc=False):
    """The first message."""


class Deciding(Struct):
    """The agent has been told; its reply is awaited."""


class Answering(Struct):
    done: bool


class Telling(Struct):
    token: str


class Ending(Struct):
    pass


State: TypeAlias = Deciding | Answering | Telling | Ending
Message: TypeAlias = Start | m.Done | m.Refused | m.LegNews | m.EndContact | TimerFired


class FeatureCall:
    """Carries ``command`` out for ``agent``; ``confirm`` and ``refuse`` are prompt files."""

    def __init__(
        self,
        call: ContactId,
        leg: LegId,
        agent: AgentId,
        command: m.AgentCommand,
        *,
        confirm: str,
        refuse: str,
    ) -> None:
        self.id, self.leg, self._agent, self._command = call, leg, agent, command
        self._confirm, self._refuse = confirm, refuse
        self.state: State = Deciding()

    def handle(self, message: Message) -> list[Effect]:
        match self.state, message:
            case _, m.LegEnded():
                return [CancelTimer("lease"), Stop()]
            case Deciding(), Start():
                command = m.AgentCommandReceived(self._command, self.id)
                return [TellAgent(self._agent, command), StartTimer("lease", LEASE)]
            case Deciding(), m.Done() | m.Refused():
                self.state = Answering(isinstance(message, m.Done))
                return [TellLeg(self.leg, m.Answer())]
            case Answering(done), m.LegAnswered():
                self.state = Telling("told")
                return [Play(self.leg, "told", (self._confirm if done else self._refuse,))]
            case Telling(), m.PlayFinished():
                return self._hang_up()
            case Ending(), _:
                return []
            case _, TimerFired("lease") | m.EndContact():
                return self._hang_up()
            case _, _:
                return []  # a digit, or the news that our own 180 would bring

    def _hang_up(self) -> list[Effect]:
        self.state = Ending()
        return [TellLeg(self.leg, m.HangUp())]
