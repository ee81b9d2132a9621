"""The states of a contact, with the data that each has, and what it hears."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from actors import commands as c
from actors import messages as m
from actors.call_control import CallControl
from actors.dossier import CentreChanged
from actors.flow import EntryPoint, QueuePlan
from actors.place import Place
from actors.placement import Placement
from actors.search import Search
from actors.served import Served
from actors.treatment import Treatment
from actors.walk import Walk
from sip.machine import TimerFired


class Start(Struct, frozen=True, gc=False):
    """The first message: walk the flow."""


class Arriving(Struct):
    """In the entry point; nothing has happened yet.  ``ani`` called ``dnis``."""

    entry_point: EntryPoint
    ani: str
    dnis: str


class Placing(Struct):
    """An agent calls a customer who has not answered."""

    placement: Placement


class Walking(Struct):
    """On his way to a queue, through a flow."""

    walk: Walk


class Seeking(Struct):
    """Somebody is sought for the customer, who hears music.

    ``plan`` and ``place`` are of the queue whose customer he is.  ``served``: by an agent of that
    queue already, who transferred him to somebody by name.  ``treatment``: while he waits in a
    queue himself.
    """

    search: Search
    plan: QueuePlan
    place: Place
    since: float
    """When he began to wait in this queue: his place may be older."""
    served: Served | None = None
    treatment: Treatment | None = None


class Talking(Struct):
    control: CallControl
    served: Served


class Parting(Struct):
    """The queue cannot keep the customer: he hears why, then it ends."""

    walk: Walk
    plan: QueuePlan
    since: float


class Ending(Struct):
    """The terminal event is written; legs go down."""


State: TypeAlias = Arriving | Placing | Walking | Seeking | Talking | Parting | Ending
Message: TypeAlias = (
    Start
    | m.Assigned
    | m.PhonesAdded
    | m.AgentNotFree
    | m.Overflowed
    | m.QueueSeen
    | m.AgentLost
    | m.EndContact
    | m.Restarted
    | m.MonitorAsked
    | m.LegNews
    | c.ContactCommandReceived
    | CentreChanged
    | TimerFired
)
