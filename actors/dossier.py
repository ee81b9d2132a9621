"""What the parts of a contact's machine share: who it is, its legs, and whom it may reach."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from actors import messages as m
from actors.dial_plan import DialPlan, DirectoryEntry
from actors.effects import Effect, TellAgent
from actors.events import ContactRef
from actors.flow import EntryPoint, QueuePlan, WaitInQueue
from actors.hours import Calendar, open_at
from actors.ids import NO_QUEUE, AgentId, ContactId, EntryPointName, LegId, QueueName
from actors.place import Place
from actors.routing.expressions import EVERYBODY, Expression
from sip.message import NameAddr

MOST_DIVERSIONS = 10
"""Of one contact: then it waits where it is, and goes round no more."""


class AgentCard(Struct, frozen=True):
    """What others are shown of an agent, and what he may do (V-1, V-24)."""

    name: str = ""
    team: str = "main"
    role: str = "agent"
    permissions: frozenset[str] | None = None
    """Tags of commands without ``contact.``; None: all of them."""


class Outbound(Struct, frozen=True):
    """The rules of calls that agents place."""

    plan: QueuePlan = QueuePlan(NO_QUEUE, "music.wav", 18.0)
    """What a queue's plan is to its contacts: nobody waits here."""
    fallback: QueuePlan | None = None
    """Where a customer waits who has lost the agent; None: his call ends."""
    caller_id: str | None = None
    """Shown to whom an agent calls; None: the agent's id."""


class World(Struct, frozen=True):
    """The centre as every contact sees it: plain data, the same for all of them."""

    plans: Mapping[QueueName, QueuePlan]
    entry_points: Mapping[EntryPointName, EntryPoint] = {}
    agents: Mapping[AgentId, AgentCard] = {}
    dial_plan: DialPlan = DialPlan()
    directory: Mapping[str, DirectoryEntry] = {}
    ringback: str = "ringback.wav"
    """What who consults hears until the far party answers."""
    voice: str = "en"
    """The directory, among the prompts, of the pieces that numbers are spoken from."""
    most_parties: int = 8
    """In a conference, with the customer, without supervisors (V-34)."""
    outbound: Outbound = Outbound()

    def queue_of(self, entry: EntryPoint) -> QueuePlan | None:
        """The queue that an entry point's flow leads to."""
        for step in entry.flow:
            if isinstance(step, WaitInQueue):
                return self.plans.get(step.queue)
        return None

    def open_queues(self) -> frozenset[str]:
        """Those to which somebody may be sent."""
        return frozenset(name for name, plan in self.plans.items() if not plan.closed)


class CentreChanged(Struct, frozen=True):
    """To every contact and to the monitor desk: the configuration was loaded again."""

    world: World


NAMES_A_RUN = 1_000
"""More than a contact ever makes between two restarts of the server."""


class Dossier:
    """One contact's.

    ``customer`` is his leg's name; ``calls``: it is there already, for he has called us.
    ``caller`` is shown to agents.  ``now`` gives monotonic seconds, ``wall`` seconds since 1970.
    ``arrival`` is a number that no other contact of the process has.
    """

    def __init__(
        self,
        ref: ContactRef,
        customer: LegId,
        caller: NameAddr,
        world: World,
        now: Callable[[], float],
        wall: Callable[[], float],
        *,
        arrival: int,
        calls: bool = True,
    ) -> None:
        self.ref, self.id = ref, ref.id
        self.customer, self.caller = customer, caller
        self.world, self.now, self.wall = world, now, wall
        self.needs: Expression = EVERYBODY
        """What he asks of an agent, in whatever queue: his flow has found it out."""
        self.first_place: Place | None = None
        """Where he first waited: the instant counts wherever he is sent later."""
        self.diverted = 0
        """How often he has been sent on by a rule."""
        self._arrival = arrival
        self.legs: dict[LegId, None] = {customer: None} if calls else {}
        """Those that have not ended, in the order of their start."""
        self.off_hook: dict[LegId, tuple[AgentId, ContactId]] = {}
        """Legs that were told to hang up, and the agents who wait to hear that they have."""
        self.answered = False
        """The customer's call, by us: from then on he hears what plays."""
        self._legs_made = self._requests = self._tokens = 0

    def rules_of(self, plan: QueuePlan) -> QueuePlan:
        """The queue's as they are now: what was begun by older ones ends by them (R20)."""
        if plan.name == NO_QUEUE:
            return self.world.outbound.plan
        return self.world.plans.get(plan.name, plan)

    def place(self, priority: int) -> Place:
        """Where he stands in any queue, from now on or for as long as he has waited."""
        first = self.first_place
        if first is None:
            return Place(priority, self.now(), self._arrival)
        return Place(priority, first.since, first.seq)

    @property
    def may_be_diverted(self) -> bool:
        return self.diverted < MOST_DIVERSIONS

    def is_open(self, plan: QueuePlan, calendar: Calendar | None = None) -> bool:
        """``calendar``: an entry point's own, in place of the queue's.  A queue that was taken out
        of the configuration is never open again.
        """
        hours = calendar or plan.hours
        return not plan.closed and (hours is None or open_at(hours, self.wall())[0])

    def recover(
        self, restarts: int, legs: Iterable[LegId], *, answered: bool, diverted: int
    ) -> None:
        """After so many restarts of the server, with these legs.

        Names go on where no earlier run can have made any: it may not have written all of them.
        """
        self.legs = dict.fromkeys(legs)
        self.answered, self.diverted = answered, diverted
        self._legs_made = self._requests = self._tokens = NAMES_A_RUN * restarts

    def new_leg(self, name: LegId | None = None) -> LegId:
        """``name``: the one it must have, if any."""
        self._legs_made += 1
        leg = LegId(f"{self.id}/{self._legs_made}") if name is None else name
        self.legs[leg] = None
        return leg

    def hook_down(self, leg: LegId) -> list[Effect]:
        """A leg has ended: an agent whose last phone it was may be given the next call (V-57)."""
        self.legs.pop(leg, None)
        owed = self.off_hook.pop(leg, None)
        if owed is None or owed in self.off_hook.values():
            return []
        return [TellAgent(owed[0], m.AgentLegDown(owed[1]))]

    def new_request(self) -> ContactId:
        """A name under which queues and agents know one search of this contact.

        The first search bears the contact's own id; a later one must not be taken for it.
        """
        self._requests += 1
        return self.id if self._requests == 1 else ContactId(f"{self.id}.{self._requests}")

    def new_token(self) -> str:
        self._tokens += 1
        return f"p{self._tokens}"
