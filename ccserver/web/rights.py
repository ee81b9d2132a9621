"""Which role may use which route.  What is not here, nobody may."""

from __future__ import annotations

from typing import Final

from ccserver.web.store import Role

EVERYONE: Final[frozenset[Role]] = frozenset(("agent", "supervisor", "administrator", "read_only"))
WORKING: Final[frozenset[Role]] = EVERYONE - {"read_only"}
OVERSEEING: Final[frozenset[Role]] = frozenset(("supervisor", "administrator"))
ADMINISTERING: Final[frozenset[Role]] = frozenset(("administrator",))
PUBLIC: Final = None
"""Without signing in."""

V1 = "/api/v1"
RIGHTS: Final[dict[tuple[str, str], frozenset[Role] | None]] = {
    ("GET", "/healthz"): PUBLIC,
    ("GET", "/readyz"): PUBLIC,
    ("GET", f"{V1}/openapi.json"): PUBLIC,
    ("POST", f"{V1}/session"): PUBLIC,
    ("GET", f"{V1}/session"): EVERYONE,
    ("DELETE", f"{V1}/session"): EVERYONE,
    ("WEBSOCKET", f"{V1}/events"): EVERYONE,
    ("GET", f"{V1}/agents"): EVERYONE,
    ("GET", f"{V1}/agents/{{agent}}"): EVERYONE,
    ("GET", f"{V1}/contacts"): EVERYONE,
    ("GET", f"{V1}/contacts/{{contact}}"): EVERYONE,
    ("GET", f"{V1}/contacts/{{contact}}/timeline"): EVERYONE,
    ("GET", f"{V1}/contacts/{{contact}}/why"): OVERSEEING,
    ("GET", f"{V1}/history/contacts"): EVERYONE,
    ("GET", f"{V1}/history/contacts/{{contact}}"): EVERYONE,
    ("GET", f"{V1}/contacts/{{contact}}/candidates"): OVERSEEING,
    ("GET", f"{V1}/queues"): EVERYONE,
    ("GET", f"{V1}/queues/{{queue}}"): EVERYONE,
    ("GET", f"{V1}/queues/{{queue}}/waiting"): OVERSEEING,
    ("PUT", f"{V1}/queues/{{queue}}/router"): OVERSEEING,
    ("DELETE", f"{V1}/queues/{{queue}}/router"): OVERSEEING,
    ("GET", f"{V1}/teams"): EVERYONE,
    ("GET", f"{V1}/entry-points"): EVERYONE,
    ("GET", f"{V1}/directory"): EVERYONE,
    ("GET", f"{V1}/codes/idle"): EVERYONE,
    ("GET", f"{V1}/codes/wrap-up"): EVERYONE,
    ("GET", f"{V1}/trunks"): EVERYONE - {"agent"},
    ("GET", f"{V1}/journal"): ADMINISTERING,
    ("GET", f"{V1}/reports/{{report}}"): OVERSEEING,
    ("POST", f"{V1}/configuration/reload"): ADMINISTERING,
    ("POST", f"{V1}/agents/{{agent}}/available"): WORKING,
    ("POST", f"{V1}/agents/{{agent}}/idle"): WORKING,
    ("POST", f"{V1}/agents/{{agent}}/sign-out"): WORKING,
    ("POST", f"{V1}/agents/{{agent}}/end-wrap-up"): WORKING,
    ("POST", f"{V1}/agents/{{agent}}/call"): WORKING,
    ("POST", f"{V1}/contacts/{{contact}}/hold"): WORKING,
    ("POST", f"{V1}/contacts/{{contact}}/resume"): WORKING,
    ("POST", f"{V1}/contacts/{{contact}}/consult"): WORKING,
    ("POST", f"{V1}/contacts/{{contact}}/end-consult"): WORKING,
    ("POST", f"{V1}/contacts/{{contact}}/conference"): WORKING,
    ("POST", f"{V1}/contacts/{{contact}}/transfer"): WORKING,
    ("POST", f"{V1}/contacts/{{contact}}/exit-conference"): WORKING,
    ("POST", f"{V1}/contacts/{{contact}}/end"): WORKING,
    ("POST", f"{V1}/contacts/{{contact}}/assign"): OVERSEEING,
    ("POST", f"{V1}/contacts/{{contact}}/monitor"): OVERSEEING,
    ("POST", f"{V1}/contacts/{{contact}}/change-monitoring"): OVERSEEING,
    ("POST", f"{V1}/contacts/{{contact}}/stop-monitoring"): OVERSEEING,
    ("PUT", f"{V1}/monitoring/{{kind}}/{{target}}"): OVERSEEING,
    ("DELETE", f"{V1}/monitoring/{{kind}}/{{target}}"): OVERSEEING,
}
