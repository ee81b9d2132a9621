"""An example of each shape of the API: one afternoon in the demonstration centre."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from ccserver.web import shapes as s

PATH = {"agent": "1001", "contact": "a01m7yj6he8000022pp9x2z7ah", "queue": "support"}
PATH |= {"target": "1001", "kind": "agent", "report": "queues"}
"""Of what stands in a route."""

_AT = 1795248315000000
_CONTACT = PATH["contact"]
_TALK = ["hold", "consult", "blind_transfer", "end"]
_PRESENT: dict[str, Any] = {"skills": {"english": 8}, "code": None, "pending": None, "since": _AT}
_AGENT: dict[str, Any] = {
    "id": "1001",
    "name": "Ada",
    "team": "main",
    "state": "engaged",
    **_PRESENT,
}
_AGENT |= {"contact": _CONTACT, "version": 3, "allowed": ["available", "idle", "sign-out"]}
_CUSTOMER = {"id": "customer", "kind": "customer", "role": "", "state": "connected"}
_PRIMARY = {"id": "1001", "kind": "agent", "role": "primary", "state": "connected"}
_CONVERSATION = {
    "version": 6,
    "state": "connected",
    "since": _AT,
    "participants": [
        {**_CUSTOMER, "allowed": [], "since": _AT},
        {**_PRIMARY, "allowed": _TALK, "since": _AT},
    ],
}
_CONSULT = {
    "by": "1001",
    "by_name": "Ada",
    "by_team": "main",
    "to": "agent:1003",
    "since": _AT,
    "state": "ended",
    "outcome": "RONA_TIMER_EXPIRED",
    "variables": {
        "agent_name": "Ada",
        "agent_dn": "1001",
        "agent_team": "main",
        "ani": "+4930123456",
        "queue": "support",
    },
}
_LIVING = {
    "id": _CONTACT,
    "entry_point": "support",
    "ani": "+4930123456",
    "dnis": "2001",
    "arrived": _AT - 6_000_000,
    "state": "in_service",
    "since": _AT,
    "queue": "support",
    "queued": _AT - 500_000,
    "agent": "1001",
    "conversation": _CONVERSATION,
    "asked": None,
    "consult": _CONSULT,
    "transfer_failed": None,
}
_QUEUE = {
    "name": "support",
    "being_offered": 0,
    "in_service": 1,
    "estimated_wait": {"p50": 95.0, "p90": 240.0, "at": _AT},
    "router": {"state": "present", "by": "router", "since": _AT},
    "waiting": [{"contact": "a01m7yj6h7z000012pp9x2z7ah", "since": _AT}],
}
_ENTRY = {
    "seq": 9,
    "at": _AT - 6_000_000,
    "event": {
        "event": "contact.arrived",
        "contact": {"id": _CONTACT, "master": _CONTACT},
        "entry_point": "support",
        "ani": "+4930123456",
        "dnis": "2001",
        "leg": f"{_CONTACT}/0",
    },
}
_PAST: dict[str, Any] = {
    "id": _CONTACT,
    "seq": 61,
    "channel": "voice",
    "direction": "inbound",
    "entry_point": "support",
    "ani": "+4930123456",
    "dnis": "2001",
    "arrived_at": _AT - 6_000_000,
    "trunk": None,
    "queue": "support",
    "agent": "1001",
    "queued_at": _AT - 500_000,
    "answered_at": _AT,
    "transferred_to": None,
    "ended_at": _AT + 90_000_000,
    "outcome": "handled",
    "during": None,
    "reason": None,
    "ended_by": "customer",
    "waited_seconds": 0.5,
    "talked_seconds": 90.0,
}
_OF_PAST = {"seq": 20, "contact": _CONTACT, "queue": "support", "agent": "1001"}

_FREE = {"agent": "1001", "skills": {"english": 8}, "available": 42.0, "contacts": 3}
_FREE |= {"talked": 611.5}
_WHO_WAITS: dict[str, Any] = {
    "queue": "support",
    "router_seconds": 7.5,
    "contacts": [
        {
            "contact": _CONTACT,
            "version": 7403219331,
            "priority": 5,
            "needs": "english >= 5",
            "waited": 3.2,
            "kept_seconds": 16.8,
            "tried": [],
            "preferred": [],
            "suits": ["1001"],
        }
    ],
    "more_contacts": 0,
    "agents": [_FREE],
    "more_agents": 0,
}

EXAMPLES: dict[type[BaseModel], dict[str, Any]] = {
    s.Assign: {"agent": "1001"},
    s.Assigned: {"contact": _CONTACT, "queue": "support", "agent": "1001"},
    s.WhoWaits: _WHO_WAITS,
    s.RouterKept: {**_WHO_WAITS, "seconds": 10.0},
    s.RouterGone: {"queue": "support", "seconds": 0.0},
    s.Candidates: {
        "contact": _CONTACT,
        "version": 7403219331,
        "needs": "english >= 5",
        "agents": [{**_FREE, "verdict": "SUITS", "details": {}}],
        "more_agents": 0,
    },
    s.SignIn: {"name": "ada", "password": "password-ada"},
    s.Idle: {"code": "lunch"},
    s.WrapUp: {"code": "resolved"},
    s.Call: {"number": "+4930123456"},
    s.OneSide: {"side": "customer"},
    s.Consult: {"to": {"kind": "agent", "agent": "1003"}},
    s.Transfer: {"to": {"kind": "queue", "queue": "sales"}},
    s.Monitor: {"mode": "listen"},
    s.ChangeMonitoring: {"mode": "barge_in"},
    s.Wanted: {"mode": "whisper", "continuous": True},
    s.Me: {
        "name": "ada",
        "role": "agent",
        "agent": "1001",
        "teams": [],
        "expires": 1795291515.0,
        "csrf": "VwTKxHhLqPB3d0nR",
        "token": "2vGf0JcUO1e8mXy7QbLs",
    },
    s.Agent: _AGENT,
    s.Agents: {
        "agents": [_AGENT, {"id": "1003", "name": "Carmen", "team": "main", "state": "idle"}]
    },
    s.Contact: _LIVING,
    s.Contacts: {"contacts": [_LIVING], "next": None},
    s.Timeline: {"id": _CONTACT, "timeline": [_ENTRY]},
    s.Report: {
        "report": "queues",
        "begin": "2026-11-21T00:00:00+01:00",
        "end": "2026-11-21T14:05:15+01:00",
        "time_zone": "Europe/Berlin",
        "interval": "all",
        "service_level_seconds": 20.0,
        "abandons": "negative",
        "short_call_seconds": 0.0,
        "sudden_disconnect_seconds": 5.0,
        "rows": [{"queue": "support", "offered": 412, "handled": 388, "service_level": 0.8121}],
    },
    s.PastContact: _PAST,
    s.History: {"contacts": [_PAST], "next": None, "seq": 73},
    s.PastContactStory: {
        **_PAST,
        "segments": [
            {
                **_OF_PAST,
                "id": 18,
                "kind": "ringing",
                "began_at": _AT - 400_000,
                "ended_at": _AT,
            }
        ],
        "offers": [
            {
                **_OF_PAST,
                "id": 18,
                "leg": f"{_CONTACT}/1",
                "began_at": _AT - 400_000,
                "delay_seconds": 0.001,
                "ended_at": _AT,
                "result": "connected",
            }
        ],
        "activities": [
            {
                **_OF_PAST,
                "id": 62,
                "channel": "voice",
                "state": "wrap_up",
                "code": "resolved",
                "kind": "contact",
                "began_at": _AT + 90_000_000,
                "ended_at": None,
            }
        ],
    },
    s.Why: {
        "contact": _CONTACT,
        "story": [{"seq": 812, "at": _AT, "text": "waits in support (priority 5)"}],
        "moments": [
            {
                "seq": 814,
                "at": _AT,
                "on": "contact",
                "queue": "support",
                "agent": "1001",
                "given": _CONTACT,
                "asks": "english >= 5",
                "waited": 0.0,
                "version": "3f2a9c0d1e4b",
                "agrees": True,
                "agents": [
                    {
                        "id": "1001",
                        "verdict": "FIRST_CHOICE",
                        "place": 1,
                        "because": "free for 90 s",
                    },
                    {"id": "1003", "verdict": "AVOIDED", "because": "he sent it away himself"},
                ],
                "contacts": [],
            }
        ],
    },
    s.Queue: _QUEUE,
    s.Queues: {"queues": [_QUEUE]},
    s.Teams: {"teams": [{"name": "main", "agents": ["1001", "1003"]}]},
    s.EntryPoints: {"entry_points": [{"name": "support", "numbers": ["2001"]}]},
    s.Trunks: {"trunks": [{"name": "local", "entry_points": "all", "outbound": False}]},
    s.Directory: {"directory": [{"name": "Night desk", "number": "+4930123456", "agent": None}]},
    s.Codes: {"codes": [{"code": "resolved", "name": "resolved"}]},
    s.Page: {"entries": [_ENTRY], "last": 9},
    s.CallStarted: {"contact": _CONTACT},
    s.Reloaded: {
        "version": "b977ae2a57c0",
        "changes": [{"key": "agents.1001.skills.english", "what": "changed"}],
        "needs_restart": ["sip.listen"],
        "warnings": [],
    },
    s.AgentDone: {
        "version": 4,
        "state": "engaged",
        "code": None,
        "pending": "idle:lunch",
        "allowed": ["available", "idle", "sign-out"],
    },
    s.ContactDone: {
        "version": 7,
        "state": "held",
        "allowed": ["resume", "consult", "blind_transfer"],
    },
    s.Wishes: {
        "wishes": [
            {
                "supervisor": "1008",
                "kind": "agent",
                "target": "1001",
                "mode": "whisper",
                "continuous": True,
            }
        ]
    },
    s.Ok: {"ok": True},
}
