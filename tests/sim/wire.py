"""What must hold of what went over the wire, as the phones saw it."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterator

from actors.ids import AgentId
from sip.message import Response, parse
from sip.transaction.client_invite import Calling
from sip.usage_messages import ClientKey
from tests.sim.faults import STRANGER
from tests.sim.people import People
from tests.support.network import Datagram
from tests.support.phones import SERVER, Call
from tests.support.restarting import MortalCentre


class Wire:
    """``found``: told of each violation, by invariant.  ``runs``: when each of the server began."""

    def __init__(
        self, floor: MortalCentre, people: People, found: Callable[[str, str], None]
    ) -> None:
        self._floor, self._people, self._found = floor, people, found
        self.runs: list[float] = []
        self._read = 0
        self._given_up: set[str] = set()
        """The calls in which the server has sent a BYE or a CANCEL, perhaps in vain."""

    def look(self) -> None:
        """Before it is asked what is so now."""
        trace = self._floor.network.trace
        for datagram in trace[self._read :]:
            if datagram.source == SERVER and datagram.data.startswith((b"BYE ", b"CANCEL ")):
                self._given_up.add(parse(datagram.data).call_id)
        self._read = len(trace)

    def forlorn(self) -> Iterator[str]:
        """Whoever talks and is known to nobody: his call stands, he hears nothing, and nobody will
        hang it up.  Where nothing outlives the server but its disk, it must have his dialog.
        """
        known, floor = self._known(), self._floor
        all_is_kept = self._people.swarm.tail and floor.boots == 1
        for phone, call in self._people.calls():
            left = call.call_id in known or call.call_id in self._given_up
            if call.state != "talking" or left:
                continue
            if all_is_kept or self._is_on_disk(call.call_id):
                yield f"{phone.name} talks in {call.call_id}, and is known to nobody"

    def _is_on_disk(self, call_id: str) -> bool:
        name = call_id.encode()
        rows = self._floor.disk.rows
        return any(tag == "leg.confirmed" and name in payload for _, _, tag, payload in rows)

    def ringing_on(self) -> Iterator[str]:
        """R01: a phone rings that nobody wants to be answered any more."""
        known = self._known()
        for name, phone in self._people.agents.items():
            actor = self._floor.core.directory.agents.get(AgentId(name))
            offered = actor is not None and actor.machine.state == "reserved"
            for call in () if offered else phone.open_calls():
                wanted = call.call_id in known and call.call_id not in self._given_up
                if call.state == "ringing" and wanted and not self._is_unheard(call):
                    yield f"{name} is not offered {call.call_id}, and rings"

    def _is_unheard(self, call: Call) -> bool:
        """Nothing has come of its INVITE: that cannot be cancelled yet (RFC 3261 §9.1)."""
        assert call.invite is not None
        key = ClientKey(call.invite.branch, "INVITE")
        client = self._floor.core.endpoint._clients.get(key)
        return client is not None and isinstance(client.machine.state, Calling)

    def _known(self) -> set[str]:
        return {call_id for call_id, _ in self._floor.core.endpoint._dialogs}

    def look_at_the_end(self) -> None:
        """I10: no transaction of a client's got two different final answers."""
        answers: dict[tuple[object, ...], int] = {}
        for datagram in self._floor.network.trace:
            answer = _final_answer(datagram)
            if answer is None:
                continue
            run = bisect(self.runs, datagram.at)
            key = (run, datagram.to, answer.via.branch, answer.cseq.method)
            if answers.setdefault(key, answer.status) != answer.status:
                self._found("I10", f"{key}: {answers[key]} and {answer.status}")


def _final_answer(datagram: Datagram) -> Response | None:
    if datagram.source != SERVER or datagram.to == STRANGER:
        return None
    if not datagram.data.startswith(b"SIP/2.0 "):
        return None
    if datagram.data.startswith(b"SIP/2.0 1"):
        return None
    answer = parse(datagram.data)
    return answer if isinstance(answer, Response) else None
