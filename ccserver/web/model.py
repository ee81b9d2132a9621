"""What the web process knows of the centre, and what of it each viewer may see.

The present state is the same fold that the core has.  Every resource remembers the journal's number
that last touched it, so whoever was away is told just what has changed since.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from ccserver.journal.live import Key, Live, LiveAgent, LiveContact, Snapshot, shown_queue
from ccserver.journal.log import Entry
from ccserver.web.store import Account

Kind: TypeAlias = Literal["agents", "contacts", "queues"]
Changes: TypeAlias = dict[Key, set[str]]
"""What is another than before, and the agents whose own it is, or was until now."""
KINDS: tuple[Kind, ...] = ("agents", "contacts", "queues")
MOST_GONE = 5_000
"""Contacts that have ended and are remembered as such, some 1.3 MB: who was away for longer begins
anew.  At 20 calls a second that is four minutes, and as soon this process needs no more memory."""


class Viewer(Struct, frozen=True):
    """Who looks.  ``team``: the members of a supervisor's teams; None: everybody."""

    account: Account
    team: frozenset[str] | None = None

    @property
    def agent(self) -> str | None:
        return self.account.agent

    @property
    def sees_all(self) -> bool:
        """More than what is his own."""
        return self.account.role != "agent"


class _Gone(Struct, frozen=True, gc=False):
    """A contact that has ended, at the journal's ``seq``."""

    seq: int
    name: str
    parties: tuple[str, ...]
    """All agents whose own it ever was."""


class Model:
    """``centre``: the door's answer of that name: what is configured."""

    def __init__(self) -> None:
        self.live = Live((), ())
        self.centre: dict[str, Any] = {}
        self._cards: dict[str, dict[str, Any]] = {}
        self._touched: dict[Key, int] = {}
        self._gone: deque[_Gone] = deque()
        self._parties: dict[Key, set[str]] = {}
        """Of each that is there: all agents whose own it ever was."""
        self._horizon = 0
        """Who has seen less than this cannot be told what has changed since."""
        self._encoded: dict[tuple[Key, bool], bytes] = {}

    @property
    def seq(self) -> int:
        return self.live.seq

    def replace(self, centre: dict[str, Any], snapshot: Snapshot) -> Changes:
        """The core's whole state, as it is now.  What is another than before."""
        old, self.live = self.live, Live.restore(snapshot)
        first = not self.centre
        self.centre = centre
        self._cards = {agent["id"]: agent for agent in centre["agents"]}
        changed: set[Key] = set()
        for kind in KINDS:
            before: dict[str, Any] = getattr(old, kind)
            after: dict[str, Any] = getattr(self.live, kind)
            changed |= {
                (kind, name)
                for name in before.keys() | after.keys()
                if before.get(name) != after.get(name)
            }
        if first or snapshot.seq < old.seq:
            self._horizon = snapshot.seq
            self._touched.clear()
            self._gone.clear()
            self._parties.clear()
        return self._touch(changed)

    def configure(self, centre: dict[str, Any]) -> Changes:
        """The core works by another configuration.  Whose card is another than before."""
        before, self.centre = self._cards, centre
        self._cards = {agent["id"]: agent for agent in centre["agents"]}
        return self._touch(
            ("agents", name) for name, card in self._cards.items() if before.get(name) != card
        )

    def apply(self, entries: Iterable[Entry], upto: int) -> Changes:
        """What has come together, in its order: of the events up to the number ``upto``, those that
        show anything.  Nobody looks meanwhile, so what they change is another once.
        """
        live, changed = self.live, set[Key]()
        for entry in entries:
            changed |= live.apply(entry)
        live.seq = upto
        return self._touch(changed)

    def _touch(self, changed: Iterable[Key]) -> Changes:
        changes: Changes = {}
        for key in changed:
            parties = self._parties.setdefault(key, set())
            parties |= self.parties(key)
            changes[key] = parties
            self._encoded.pop((key, False), None)
            self._encoded.pop((key, True), None)
            self._touched[key] = self.seq
            if key[0] == "contacts" and key[1] not in self.live.contacts:
                self._forget(key)
        return changes

    def _forget(self, key: Key) -> None:
        """Of a contact that has ended, what ``since`` is asked."""
        del self._touched[key]
        parties = tuple(map(sys.intern, self._parties.pop(key)))
        self._gone.append(_Gone(self.seq, key[1], parties))
        if len(self._gone) > MOST_GONE:
            self._horizon = self._gone.popleft().seq

    # --- looking ------------------------------------------------------------------------------

    def everything(self) -> Iterator[Key]:
        for kind in KINDS:
            for name in getattr(self.live, kind):
                yield kind, name

    def since(self, viewer: Viewer, seq: int | None) -> list[Key] | None:
        """What has changed for him behind this number, and perhaps is no longer there for him.

        None: nobody knows any more, he must begin anew.
        """
        if seq is None or not self._horizon <= seq <= self.seq:
            return None
        found: dict[Key, None] = {
            key: None
            for key, touched in self._touched.items()
            if touched > seq and (viewer.sees_all or viewer.agent in self._parties[key])
        }
        for gone in reversed(self._gone):
            if gone.seq <= seq:
                break
            if viewer.sees_all or viewer.agent in gone.parties:
                found["contacts", gone.name] = None  # it may have come back, of which he is told
        return list(found)

    def parties(self, key: Key) -> set[str]:
        """The agents whose own this is."""
        kind, name = key
        if kind == "agents":
            return {name}
        contact = self.live.contacts.get(name) if kind == "contacts" else None  # type: ignore[call-overload]
        return contact.agents() if contact is not None else set()

    def sees(self, viewer: Viewer, key: Key) -> bool:
        """Whether it is there for him; what is not, is unknown to him."""
        kind, name = key
        if name not in getattr(self.live, kind):
            return False
        if not viewer.sees_all:
            return kind != "queues" and viewer.agent in self.parties(key)
        if viewer.team is None or kind == "queues":
            return True
        parties = self.parties(key)
        return not parties or not parties.isdisjoint(viewer.team)

    def shown(self, viewer: Viewer, key: Key) -> dict[str, Any] | None:
        """The resource as this viewer may see it; None: not at all."""
        if not self.sees(viewer, key):
            return None
        return self._resource(key, masked=viewer.account.role == "read_only")

    def encoded(self, viewer: Viewer, key: Key) -> bytes:
        """The same as JSON: made once for all who see the same."""
        if not self.sees(viewer, key):
            return b"null"
        masked = viewer.account.role == "read_only"
        known = self._encoded.get((key, masked))
        if known is None:
            known = msgspec.json.encode(self._resource(key, masked=masked))
            self._encoded[key, masked] = known
        return known

    def agents(self, viewer: Viewer) -> list[dict[str, Any]]:
        """All whom he may look up: of colleagues an agent sees who they are and what they do."""
        found = []
        for name, card in self._cards.items():
            whole = self.shown(viewer, ("agents", name))
            if whole is not None:
                found.append(whole)
            elif not viewer.sees_all:
                state = self.live.agents.get(name, LiveAgent()).state  # type: ignore[call-overload]
                found.append({key: card[key] for key in ("id", "name", "team")} | {"state": state})
        return found

    def queues(self, viewer: Viewer) -> list[dict[str, Any]]:
        """All that he may look up: an agent their names, to consult them (V-22)."""
        if not viewer.sees_all:
            return [{"name": name} for name in self.live.queues]
        return [self._resource(("queues", name), masked=False) for name in self.live.queues]

    def _variables(self, contact: dict[str, Any]) -> dict[str, Any]:
        """What a consulted agent is shown: who asks, and up to six more (V-24)."""
        consult = contact["consult"]
        asks = {"name": consult["by_name"], "dn": consult["by"], "team": consult["by_team"]}
        more = {name: contact[name] for name in self.centre.get("consult_variables", ())}
        return {f"agent_{name}": value for name, value in asks.items()} | more

    def _resource(self, key: Key, *, masked: bool) -> dict[str, Any]:
        kind, name = key
        value: Any = getattr(self.live, kind)[name]
        match value:
            case LiveAgent():
                return {"id": name, **self._cards.get(name, {}), **msgspec.to_builtins(value)}
            case LiveContact():
                shown = {"id": name, **msgspec.to_builtins(value)}
                shown = _masked(shown) if masked else shown
                if shown["consult"] is not None:
                    shown["consult"]["variables"] = self._variables(shown)
                return shown
            case _:
                return {"name": name, **shown_queue(value)}


def _masked(contact: dict[str, Any]) -> dict[str, Any]:
    """Without what would tell who the customer is."""
    contact["ani"] = masked_number(contact["ani"])
    for one in (contact["conversation"] or {}).get("participants", ()):
        if one["kind"] == "outsider":
            one["id"] = masked_number(one["id"])
    for past in (contact["consult"], contact["transfer_failed"]):
        if past is not None:
            past["to"] = masked_destination(past["to"])
    return contact


def masked_destination(to: str) -> str:
    """``number:***56``; who or what of ours is meant may be seen."""
    kind, colon, name = to.partition(":")
    return f"{kind}:{masked_number(name)}" if colon and kind == "number" else to


def masked_number(number: str) -> str:
    return f"***{number[-2:]}" if len(number) > 4 else "***"
