"""Contacts, agents and rules of queues, with one thing said of each."""

from __future__ import annotations

from typing import Any

from actors import messages as m
from actors.ids import AgentId, ContactId, QueueName
from actors.place import Place
from actors.routing.expressions import EVERYBODY, Expression
from actors.routing.grammar import parse
from actors.routing.index import Index
from actors.routing.policy import Policy, QueuePolicy, Ring

Q = QueueName("q")


def needs(text: str | None) -> Expression:
    return EVERYBODY if text is None else parse(text)


def contact(
    name: str,
    *,
    queue: str = Q,
    priority: int = 5,
    since: float = 0.0,
    seq: int | None = None,
    asks: str | None = None,
    tried: tuple[str, ...] = (),
    avoid: tuple[str, ...] = (),
    **more: Any,
) -> m.ContactWaits:
    """It began to wait at ``since``, whatever has happened to it."""
    place = Place(priority, since, int(since) if seq is None else seq)
    return m.ContactWaits(
        ContactId(name),
        QueueName(queue),
        place,
        needs(asks),
        more.pop("at", since),
        tuple(map(AgentId, tried)),
        tuple(map(AgentId, avoid)),
        **more,
    )


def agent(
    name: str,
    *,
    since: float = 0.0,
    seq: int | None = None,
    skills: dict[str, int] | None = None,
    **more: Any,
) -> m.AgentAvailable:
    number = int(since) if seq is None else seq
    return m.AgentAvailable(
        AgentId(name), skills or {}, since, number, more.pop("at", since), **more
    )


def ring(after: float, asks: str | None = None, priority: int | None = None) -> Ring:
    return Ring(after, needs(asks), priority)


def rules(queue: str = Q, *rings: Ring, asks: str | None = None, **more: Any) -> QueuePolicy:
    """``asks``: of the first ring."""
    return QueuePolicy(QueueName(queue), (ring(0.0, asks), *rings), **more)


def policy(*queues: QueuePolicy, version: str = "") -> Policy:
    return Policy({queue.name: queue for queue in queues}, version)


def index_of(
    *those: m.ContactWaits | m.AgentAvailable, under: Policy | None = None, now: float = 0.0
) -> Index:
    index = Index(under)
    for one in those:
        if isinstance(one, m.ContactWaits):
            index.add_contact(one, now)
        else:
            index.add_agent(one)
    return index
