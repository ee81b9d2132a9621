"""Several media processes as one: all sessions of a contact are at one of them, for they may hear
each other.

A new contact goes where the fewest sessions are, of those processes that are there.  What one of
them loses is lost alone.  After a restart of the core each process says which of the sessions it
has; one that none of them has is lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import trio
from msgspec import Struct

from ccserver.media.client import AtEnd, MediaClient
from ccserver.media.protocol import (
    Command,
    CreateSession,
    Event,
    GetStatistics,
    KeepReady,
    ListSessions,
    Release,
    SessionRefused,
    SessionState,
    Statistics,
)


class _Contact(Struct):
    """Of a contact that has sessions: where they are, and how many."""

    client: MediaClient
    sessions: int = 0


class MediaClients:
    """In the place of one `MediaClient`, of two or more; `run` must run for anything to happen.

    The contact of a session is what stands before the ``/`` in its name (`actors.ids.LegId`).
    """

    def __init__(self, clients: Sequence[MediaClient]) -> None:
        self._clients = clients
        self._contacts: dict[str, _Contact] = {}
        self._placed: dict[str, _Contact] = {}
        """By session."""
        self._loads = Counter[MediaClient]()
        """Sessions."""
        self._homeless: dict[str, int] = {}
        """Of an earlier core: at how many processes each may yet be."""
        self._on_event: Callable[[Event], None] = _unheard

    def listen(self, on_event: Callable[[Event], None], at_end: AtEnd) -> None:
        self._on_event = on_event
        for client in self._clients:
            client.listen(partial(self._hear, client), at_end)

    def adopt(self, sessions: Iterable[str]) -> None:
        """Those of an earlier core that are ours now; whatever else it left is closed at once."""
        self._homeless = dict.fromkeys(sessions, len(self._clients))
        for client in self._clients:
            client.adopt(self._homeless)

    async def adopted(self) -> Mapping[str, SessionState]:
        """Ours, as the media processes listed them first; waits until all of them have."""
        found: dict[str, SessionState] = {}
        for client in self._clients:
            found.update(await client.adopted())
        return found

    async def wait_connected(self) -> None:
        """Until all of them are there."""
        for client in self._clients:
            await client.wait_connected()

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            for client in self._clients:
                nursery.start_soon(client.run)
                nursery.start_soon(self._find_homes, client)

    def send(self, command: Command) -> None:
        """To the process that has the session, or is chosen for it now.  GetStatistics goes to all;
        what concerns a session that is nowhere, nowhere.
        """
        if isinstance(command, GetStatistics):
            for client in self._clients:
                client.send(command)
            return
        assert not isinstance(command, KeepReady | ListSessions)  # each client's own
        session = command.session
        if isinstance(command, CreateSession):
            self._place(session, self._client_for(session))
        contact = self._placed.get(session)
        if contact is not None:
            contact.client.send(command)
        if isinstance(command, Release):
            self._remove(session)
            if self._homeless.pop(session, None) is not None:
                for client in self._clients:
                    client.send(command)

    def take(self, session: str, ipv6: bool) -> tuple[str, int] | None:
        """As of one client: of the one at which this session will be."""
        client = self._client_for(session)
        ready = client.take(session, ipv6)
        if ready is not None:
            self._place(session, client)
        return ready

    # --- where a session is -------------------------------------------------------------------

    def _client_for(self, session: str) -> MediaClient:
        contact = self._contacts.get(_contact_of(session))
        if contact is not None:
            return contact.client
        there = [client for client in self._clients if client.connected]
        return min(there or self._clients, key=lambda client: self._loads[client])

    def _place(self, session: str, client: MediaClient) -> None:
        name = _contact_of(session)
        contact = self._contacts.get(name)
        if contact is None:
            contact = self._contacts[name] = _Contact(client)
        if session not in self._placed:
            self._placed[session] = contact
            contact.sessions += 1
            self._loads[client] += 1

    def _remove(self, session: str) -> None:
        contact = self._placed.pop(session, None)
        if contact is not None:
            self._loads[contact.client] -= 1
            contact.sessions -= 1
            if not contact.sessions:
                del self._contacts[_contact_of(session)]

    async def _find_homes(self, client: MediaClient) -> None:
        """For what this process was found to have when it was asked first."""
        for session in await client.adopted():
            if self._homeless.pop(session, None) is not None:
                self._place(session, client)

    def _is_lost(self, session: str, client: MediaClient) -> bool:
        """Whether a session is nowhere, now that this process does not have it."""
        if session not in self._homeless:
            contact = self._placed.get(session)
            return contact is None or contact.client is client
        self._homeless[session] -= 1
        if self._homeless[session]:
            return False
        del self._homeless[session]
        return True

    # --- news ---------------------------------------------------------------------------------

    def _hear(self, client: MediaClient, event: Event) -> None:
        if isinstance(event, SessionRefused):
            session = event.session
            if not self._is_lost(session, client):
                return
            self._remove(session)
        elif isinstance(event, Statistics):
            event = summed([each.statistics for each in self._clients if each.statistics])
        self._on_event(event)


def summed(parts: Sequence[Statistics]) -> Statistics:
    """As if all of it were of one process; of the ticks, the latest."""
    dropped, lateness = Counter[str](), Counter[str]()
    for part in parts:
        dropped.update(part.dropped)
        lateness.update(part.tick_lateness)
    return Statistics(
        packets_in=sum(part.packets_in for part in parts),
        packets_out=sum(part.packets_out for part in parts),
        dropped=dict(dropped),
        tick_lateness=dict(lateness),
        tick_lateness_sum=sum(part.tick_lateness_sum for part in parts),
        sessions=sum(part.sessions for part in parts),
        ports_used=sum(part.ports_used for part in parts),
        ports_free=sum(part.ports_free for part in parts),
        ports_resting=sum(part.ports_resting for part in parts),
        events_dropped=sum(part.events_dropped for part in parts),
        tick_lateness_max=max(part.tick_lateness_max for part in parts),
    )


def _contact_of(session: str) -> str:
    return session.partition("/")[0]


def _unheard(event: Event) -> None:
    """Before the core listens."""
