"""Why something was refused, failed or ended: the codes that leave the server.

Each code has its text in docs/reasons.md and a test that provokes it.
"""

from __future__ import annotations

from enum import StrEnum


class OfferFailure(StrEnum):
    """Why a contact that was presented to an agent came back to its queue."""

    RONA = "RONA_TIMER_EXPIRED"
    NO_ANSWER = "NO_ANSWER_USER"
    BUSY = "USER_BUSY"
    DECLINED = "USER_DECLINED"
    UNAVAILABLE = "USER_UNAVAILABLE"
    INVALID_NUMBER = "INVALID_NUMBER"
    CHANNEL_FAILURE = "CHANNEL_FAILURE"
    MEDIA_ERROR = "MEDIA_INTERNAL_ERROR"
    TRUNK_LIMIT = "TRUNK_LIMIT"
    TENANT_LIMIT = "TENANT_LIMIT"
    AGENT_LIMIT = "AGENT_CALL_LIMIT"


class NotFree(StrEnum):
    """Why an agent who was asked for by name is not to be had now."""

    SIGNED_OUT = "AGENT_SIGNED_OUT"
    IDLE = "AGENT_IDLE"
    BUSY = "AGENT_BUSY"
    UNREACHABLE = "AGENT_UNREACHABLE"


class IdleCode(StrEnum):
    """The idle codes that the system sets; nobody can choose one of them by hand."""

    RONA = "rona"
    BUSY = "agent_busy"
    DECLINED = "agent_declined"
    UNAVAILABLE = "agent_unavailable"
    INVALID_NUMBER = "invalid_number"
    CHANNEL_FAILURE = "channel_failure"
    PHONE_LOST = "phone_lost"


class Refusal(StrEnum):
    """Why a command was refused; it changed nothing."""

    UNKNOWN_AGENT = "UNKNOWN_AGENT"
    UNKNOWN_COMMAND = "UNKNOWN_COMMAND"
    UNKNOWN_IDLE_CODE = "UNKNOWN_IDLE_CODE"
    UNKNOWN_WRAP_UP_CODE = "UNKNOWN_WRAP_UP_CODE"
    BAD_REQUEST = "BAD_REQUEST"
    NOT_REGISTERED = "NOT_REGISTERED"
    OFFER_PENDING = "OFFER_PENDING"
    NOT_IN_WRAP_UP = "NOT_IN_WRAP_UP"
    STALE = "STALE"
    NO_ANSWER = "NO_ANSWER"
    STORAGE_UNAVAILABLE = "STORAGE_UNAVAILABLE"
    KEY_REUSED = "KEY_REUSED"
    TOO_MANY_COMMANDS = "TOO_MANY_COMMANDS"
    NOT_PERMITTED = "NOT_PERMITTED"
    NOT_IN_CALL = "NOT_IN_CALL"
    NOT_IN_CONTROL = "NOT_IN_CONTROL"
    CALL_ON_HOLD = "CALL_ON_HOLD"
    ALREADY_HELD = "ALREADY_HELD"
    NOT_HELD = "NOT_HELD"
    IN_CONFERENCE = "IN_CONFERENCE"
    NO_CONFERENCE = "NO_CONFERENCE"
    CONFERENCE_FULL = "CONFERENCE_FULL"
    NO_CONSULT = "NO_CONSULT"
    CONSULT_IN_PROGRESS = "CONSULT_IN_PROGRESS"
    CONSULT_NOT_RINGING = "CONSULT_NOT_RINGING"
    CONSULT_ON_HOLD = "CONSULT_ON_HOLD"
    CUSTOMER_GONE = "CUSTOMER_GONE"
    UNKNOWN_DESTINATION = "UNKNOWN_DESTINATION"
    UNSUPPORTED_DESTINATION = "UNSUPPORTED_DESTINATION"
    DESTINATION_NOT_FREE = "DESTINATION_NOT_FREE"
    NOT_IN_DIAL_PLAN = "NOT_IN_DIAL_PLAN"
    OWN_SELF = "OWN_SELF"
    ALREADY_IN_CALL = "ALREADY_IN_CALL"
    MONITORING_FORBIDDEN = "MONITORING_FORBIDDEN"
    ALREADY_MONITORING = "ALREADY_MONITORING"
    BAD_TIME = "BAD_TIME"
    NOT_MONITORING = "NOT_MONITORING"
    NO_AGENT = "NO_AGENT"
    UNKNOWN_CONTACT = "UNKNOWN_CONTACT"
    CONFIGURATION_WRONG = "CONFIGURATION_WRONG"
    UNKNOWN_QUEUE = "UNKNOWN_QUEUE"
    CONTACT_NOT_WAITING = "CONTACT_NOT_WAITING"
    ALREADY_ASSIGNED = "ALREADY_ASSIGNED"
    AGENT_NOT_AVAILABLE = "AGENT_NOT_AVAILABLE"
    NOT_FITTING = "NOT_FITTING"
    NO_OUTSIDE_ROUTING = "NO_OUTSIDE_ROUTING"


class WebRefusal(StrEnum):
    """Why the web process refused a request before the core heard of it."""

    NOT_SIGNED_IN = "NOT_SIGNED_IN"
    WRONG_PASSWORD = "WRONG_PASSWORD"
    FORBIDDEN = "FORBIDDEN"
    FOREIGN_ORIGIN = "FOREIGN_ORIGIN"
    NO_CSRF_TOKEN = "NO_CSRF_TOKEN"
    NOT_FOUND = "NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    SUPERSEDED = "SUPERSEDED"
    TOO_LARGE = "TOO_LARGE"
    NOT_JSON = "NOT_JSON"
    RATE_LIMITED = "RATE_LIMITED"
    INTERNAL = "INTERNAL"
    CORE_DOWN = "CORE_DOWN"


class RoutingVerdict(StrEnum):
    """What is to be said of one agent and one waiting contact (``actors.routing.explanation``)."""

    FIRST_CHOICE = "FIRST_CHOICE"
    ANOTHER_FIRST = "ANOTHER_FIRST"
    BY_LOT = "BY_LOT"
    SKILLS_MISSING = "SKILLS_MISSING"
    KEPT_FOR_ANOTHER = "KEPT_FOR_ANOTHER"
    KEPT_FOR_ROUTER = "KEPT_FOR_ROUTER"
    QUEUE_FULL = "QUEUE_FULL"
    AVOIDED = "AVOIDED"
    NOT_AVAILABLE = "NOT_AVAILABLE"
    NOT_WAITING = "NOT_WAITING"
    NOT_HEARD = "NOT_HEARD"
    NO_SUCH_AGENT = "NO_SUCH_AGENT"
    SUITS = "SUITS"
    ASSIGNED = "ASSIGNED"


class Outcome(StrEnum):
    """How a contact ended.  Every contact has exactly one (invariant I1)."""

    HANDLED = "handled"
    ABANDONED = "abandoned"
    OVERFLOWED = "overflowed"
    REJECTED = "rejected"
    FAILED = "failed"
    UNREACHED = "unreached"


class During(StrEnum):
    """Where the customer was when he hung up before an agent spoke."""

    FLOW = "flow"
    QUEUE = "queue"
    RINGING = "ringing"


class EndedBy(StrEnum):
    """Which party ended a conversation."""

    CUSTOMER = "customer"
    AGENT = "agent"
    OUTSIDER = "outsider"
    SYSTEM = "system"
