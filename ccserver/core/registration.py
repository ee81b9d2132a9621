"""The registrar at work: its replies sent, its timers kept, its changes told."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from actors import events as ev
from actors.ids import AgentId
from actors.messages import PhonesChanged, Target
from sip import registrar as reg
from sip.endpoint import Endpoint
from sip.machine import CancelTimer, StartTimer, TimerFired
from sip.message import Request, Uri
from sip.reach import way_to
from sip.timer_shell import TimerShell
from sip.timers import Timer
from sip.transport.path import Path
from sip.usage_messages import (
    RequestTimedOut,
    ResponseReceived,
    ServerKey,
    TransportLost,
    UsageMessage,
)


class Registration:
    """``local_address`` says where a path's peer sees us; ``phones_changed`` tells an agent;
    ``record`` writes the journal; ``leads_somewhere``: whether a path's listener is there.
    """

    def __init__(
        self,
        registrar: reg.Registrar,
        endpoint: Endpoint,
        timers: TimerShell,
        realm: str,
        local_address: Callable[[Path], tuple[str, int]],
        make_tag: Callable[[], str],
        phones_changed: Callable[[AgentId, PhonesChanged], None],
        record: Callable[[ev.AnyEvent], object],
        leads_somewhere: Callable[[Path], bool],
    ) -> None:
        self._registrar, self._endpoint, self._timers = registrar, endpoint, timers
        self._realm, self._local_address, self._make_tag = realm, local_address, make_tag
        self._phones_changed, self._record = phones_changed, record
        self._leads_somewhere = leads_somewhere
        self._timer: Timer | None = None

    def register(self, key: ServerKey, request: Request, path: Path) -> None:
        local, _ = self._local_address(path)
        received = reg.RegisterReceived(request, path, key.tag, local)
        self._carry_out(self._registrar.handle(received), key)

    def restore(
        self, bindings: Mapping[AgentId, Mapping[str, reg.Binding]], known: frozenset[AgentId]
    ) -> None:
        """Of an earlier run of the server, by user; those of users who are known no more go."""
        kept: list[reg.Binding] = []
        for user, held in bindings.items():
            for binding in held.values():
                if user in known and self._leads_somewhere(binding.path):
                    kept.append(binding)
                else:
                    self._record(ev.PhoneGone(user, binding.contact, "unknown"))
        self._carry_out(self._registrar.restore(kept))

    def connection_closed(self, path: Path) -> None:
        self._carry_out(self._registrar.handle(reg.ConnectionClosed(path)))

    def remove(self, user: str) -> None:
        """His phones are nobody's any more."""
        self._carry_out(self._registrar.handle(reg.UserRemoved(user)))

    def targets(self, user: str) -> tuple[Target, ...]:
        """Every phone of a user, and the way to it."""
        return tuple(
            Target(f"sip:{user}@{self._realm}", binding.contact, _path_to(binding))
            for binding in self._registrar.bindings(user)
        )

    def _carry_out(self, effects: list[reg.Effect], key: ServerKey | None = None) -> None:
        for effect in effects:
            match effect:
                case reg.Reply(response):
                    assert key is not None
                    self._endpoint.respond(key, response)
                case reg.BindingAdded(binding):
                    agent = AgentId(binding.user)
                    expires = binding.expires_at
                    transport = binding.path.transport
                    self._record(
                        ev.PhoneRegistered(agent, binding.contact, transport, expires, binding)
                    )
                    self._tell(binding.user)
                case reg.BindingRefreshed(binding):
                    self._record(ev.PhoneRefreshed(AgentId(binding.user), binding))
                case reg.BindingMoved(binding):
                    self._record(ev.PhoneRefreshed(AgentId(binding.user), binding))
                    self._tell(binding.user)
                case reg.BindingRemoved(binding, reason):
                    self._record(ev.PhoneGone(AgentId(binding.user), binding.contact, reason))
                    self._tell(binding.user)
                case reg.Probe(binding):
                    self._probe(binding)
                case StartTimer(_, seconds):
                    self._cancel_timer()
                    self._timer = self._timers.arm(seconds, self._time_passed)
                case CancelTimer():
                    self._cancel_timer()

    def _tell(self, user: str) -> None:
        self._phones_changed(AgentId(user), PhonesChanged(self.targets(user)))

    def _cancel_timer(self) -> None:
        """It has one."""
        if self._timer is not None:
            self._timers.cancel(self._timer)

    def _time_passed(self) -> None:
        self._carry_out(self._registrar.handle(TimerFired("due")))

    def _probe(self, binding: reg.Binding) -> None:
        """OPTIONS: any answer at all says that the phone is there (RFC 3261 §11)."""
        user, contact = binding.user, binding.contact

        def hear(message: UsageMessage) -> None:
            match message:
                case ResponseReceived():
                    self._carry_out(self._registrar.handle(reg.PhoneAnswered(user, contact)))
                case RequestTimedOut() | TransportLost():
                    self._carry_out(self._registrar.handle(reg.PhoneSilent(user, contact)))

        server = f"<sip:{self._realm}>"
        fields = [
            ("Max-Forwards", "70"),
            ("From", f"{server};tag={self._make_tag()}"),
            ("To", f"<sip:{user}@{self._realm}>"),
            ("Call-ID", self._make_tag()),
            ("CSeq", "1 OPTIONS"),
        ]
        request = Request.build("OPTIONS", contact, fields)
        self._endpoint.request("options", request, _path_to(binding), hear)


def _path_to(binding: reg.Binding) -> Path:
    return way_to(Uri.parse(binding.contact), binding.path)
