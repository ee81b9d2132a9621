"""What comes in from outside any dialog: who may call what, and what is started for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from msgspec import Struct

from actors import messages as m
from actors.causes import because, status_of
from actors.flow import EntryPoint
from actors.ids import AgentId, EntryPointName
from actors.reasons import OfferFailure
from ccserver.core.admission import Admission
from ccserver.core.registration import Registration
from sip.authentication import Authenticator, Verdict
from sip.endpoint import Endpoint
from sip.message import Request
from sip.transport.path import Path
from sip.usage_messages import ServerKey

log = logging.getLogger(__name__)

RETRY_AFTER = "10"
TRUNK_FULL = f'SIP;cause=503;text="{OfferFailure.TRUNK_LIMIT}"'


class Trunk(Struct, frozen=True):
    """Who may call entry points without registering."""

    name: str
    networks: tuple[IPv4Network | IPv6Network, ...]
    entry_points: frozenset[str] | None
    """Names; None: all of them."""

    def admits(self, host: str, entry_point: str) -> bool:
        known = self.entry_points is None or entry_point in self.entry_points
        return known and _lies_in(host, self.networks)


@lru_cache(4096)
def _lies_in(host: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    """Remembered: a trunk's calls come from a few hosts."""
    address = ip_address(host)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)


class FeatureCodes(Struct, frozen=True):
    """What an agent dials.  ``idle`` alone takes the first code, ``idle`` and N the N-th."""

    available: str
    idle: str
    sign_out: str
    idle_codes: tuple[str, ...]

    def command(self, dialled: str) -> m.AgentCommand | None:
        if dialled == self.available:
            return m.SetAvailable()
        if dialled == self.sign_out:
            return m.SignOut()
        if not dialled.startswith(self.idle) or not self.idle_codes:
            return None
        choices = {f"{self.idle}{n}": code for n, code in enumerate(self.idle_codes, start=1)}
        choices[self.idle] = self.idle_codes[0]
        code = choices.get(dialled)
        return None if code is None else m.SetIdle(code)


class Ingress:
    """The endpoint's user.  Registers phones, starts contacts and feature calls."""

    def __init__(
        self,
        *,
        admission: Admission,
        authenticator: Authenticator,
        entry_points: Mapping[EntryPointName, EntryPoint],
        trunks: tuple[Trunk, ...],
        features: FeatureCodes,
        start_contact: Callable[[ServerKey, Request, Path, EntryPoint, str | None], None],
        start_feature: Callable[[ServerKey, Request, Path, AgentId, m.AgentCommand], None],
        dial_out: Callable[[ServerKey, Request, Path, AgentId, str], str | None],
        is_full: Callable[[str], bool],
    ) -> None:
        self._admission, self._authenticator = admission, authenticator
        self._entry_points, self._trunks, self._features = entry_points, trunks, features
        self._start_contact, self._start_feature = start_contact, start_feature
        self._dial_out, self._is_full = dial_out, is_full

    def bind(self, endpoint: Endpoint, registration: Registration) -> None:
        """The two that need us, and that we need."""
        self._endpoint, self._registration = endpoint, registration

    def configure(
        self,
        entry_points: Mapping[EntryPointName, EntryPoint],
        trunks: tuple[Trunk, ...],
        features: FeatureCodes,
    ) -> None:
        """What may be dialled, and from where, from now on."""
        self._entry_points, self._trunks, self._features = entry_points, trunks, features

    def refuse(self, data: bytes, path: Path) -> bytes | None:
        return self._admission.refuse(data)

    def request_arrived(self, key: ServerKey, request: Request, path: Path) -> None:
        if request.method == "REGISTER":
            self._registration.register(key, request, path)
        elif request.method == "INVITE":
            self._invite(key, request, path)
        else:
            self._refuse(key, request, 405)

    def _invite(self, key: ServerKey, request: Request, path: Path) -> None:
        if not request.contacts:
            self._refuse(key, request, 400)
            return
        dialled = request.uri.user or ""
        entry_point = self._entry_points.get(EntryPointName(dialled))
        if entry_point is not None:
            host = path.remote[0]
            admitted = [t.name for t in self._trunks if t.admits(host, entry_point.name)]
            if admitted:
                self._by_trunk(key, request, path, entry_point, admitted)
                return
        agent = self._authenticated(key, request, path)
        if agent is None:
            return
        command = self._features.command(dialled)
        if entry_point is not None:
            self._start_contact(key, request, path, entry_point, None)
        elif command is not None:
            self._start_feature(key, request, path, agent, command)
        else:
            why = self._dial_out(key, request, path, agent, dialled)
            if why is not None:
                self._refuse(key, request, status_of(why), because(why))

    def _by_trunk(
        self,
        key: ServerKey,
        request: Request,
        path: Path,
        entry_point: EntryPoint,
        trunks: list[str],
    ) -> None:
        """The first of these trunks that has a line takes the call."""
        for trunk in trunks:
            if not self._is_full(trunk):
                self._start_contact(key, request, path, entry_point, trunk)
                return
        headers = [("Retry-After", RETRY_AFTER), ("Reason", TRUNK_FULL)]
        refusal = request.response(503, to_tag=key.tag, headers=headers)
        self._endpoint.respond(key, refusal)

    def _authenticated(self, key: ServerKey, request: Request, path: Path) -> AgentId | None:
        """The agent who calls, or None: the call has been challenged or refused."""
        host = path.remote[0]
        verdict, user = self._authenticator.verify(request, host, "Proxy-Authorization")
        if verdict is Verdict.RIGHT and user is not None:
            if request.from_.uri.user == user:
                return AgentId(user)
            self._refuse(key, request, 403)
            return None
        stale = verdict is Verdict.STALE
        challenges = self._authenticator.challenges(host, stale=stale)
        headers = [("Proxy-Authenticate", text) for text in challenges]
        refusal = request.response(407, to_tag=key.tag, headers=headers)
        self._endpoint.respond(key, refusal)
        return None

    def _refuse(
        self, key: ServerKey, request: Request, status: int, reason: str | None = None
    ) -> None:
        headers = [] if reason is None else [("Reason", reason)]
        if status == 503:
            headers.append(("Retry-After", RETRY_AFTER))
        self._endpoint.respond(key, request.response(status, to_tag=key.tag, headers=headers))
