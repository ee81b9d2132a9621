"""What goes in and comes out, for the reader and for OpenAPI."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ccserver.web.store import Role

Micros = Annotated[int, Field(description="Microseconds since 1970, UTC")]
Text = Annotated[str, Field(min_length=1, max_length=100)]
Version = Annotated[int, Field(description="What Expect-Version is compared with")]
Allowed = Annotated[
    list[str], Field(description="What may be done now; everything else would be refused")
]
Mode = Literal["listen", "whisper", "barge_in"]
Side = Annotated[
    Literal["customer", "consult"], Field(description="Which of the two conversations")
]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Refusal(BaseModel):
    """Whatever is refused is answered with this; it has changed nothing."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "refused": "ALREADY_HELD",
                "detail": "",
                "state": "held",
                "allowed": ["resume", "consult"],
            }
        }
    )
    refused: Annotated[str, Field(description="A reason code: docs/reasons.md has them all")]
    detail: str
    state: str | None = None
    allowed: list[str] | None = None
    details: Annotated[
        dict[str, str] | None, Field(description="What the code rests on, by name")
    ] = None
    errors: list[dict[str, str]] | None = None


# --- in -------------------------------------------------------------------------------------------


class SignIn(Shape):
    name: Text
    password: Annotated[str, Field(min_length=1, max_length=256)]
    cookie: Annotated[
        bool, Field(description="For browsers: the token in a cookie, not in the answer")
    ] = False


class Idle(Shape):
    code: Annotated[Text, Field(examples=["lunch"], description="One of /codes/idle")]


class WrapUp(Shape):
    code: Annotated[
        Text | None, Field(examples=["resolved"], description="One of /codes/wrap-up")
    ] = None


class OneSide(Shape):
    side: Side = "customer"


class ToAgent(Shape):
    kind: Literal["agent"]
    agent: Annotated[Text, Field(examples=["1002"])]


class ToQueue(Shape):
    kind: Literal["queue"]
    queue: Annotated[Text, Field(examples=["sales"])]


class ToEntryPoint(Shape):
    kind: Literal["entry_point"]
    entry_point: Text


class ToNumber(Shape):
    kind: Literal["number"]
    number: Annotated[Text, Field(examples=["+4930123456"])]


class ToDirectory(Shape):
    kind: Literal["directory"]
    name: Text


Destination = Annotated[
    ToAgent | ToQueue | ToEntryPoint | ToNumber | ToDirectory, Field(discriminator="kind")
]


class Consult(Shape):
    to: Destination


class Transfer(Shape):
    to: Annotated[
        Destination | None, Field(description="None: to the party that is being consulted")
    ] = None


class Call(Shape):
    number: Annotated[str, Field(min_length=1, max_length=32, examples=["+4930123456"])]


class Assign(Shape):
    agent: Annotated[str, Field(min_length=1, max_length=64)]
    force: Annotated[
        bool, Field(description="Whatever the queue asks of an agent; he must be available")
    ] = False


class Monitor(Shape):
    mode: Mode = "listen"


class ChangeMonitoring(Shape):
    mode: Mode


class Wanted(Shape):
    mode: Mode = "listen"
    continuous: Annotated[bool, Field(description="Every call, and not only the next one")] = False
    begins: Annotated[int | None, Field(description="Scheduled: every call from then on")] = None
    ends: Annotated[int | None, Field(description="Until then; microseconds since 1970")] = None


# --- out ------------------------------------------------------------------------------------------


class Me(BaseModel):
    name: str
    role: Role
    agent: str | None
    teams: list[str]
    expires: Annotated[float, Field(description="Seconds since 1970, UTC")]
    csrf: Annotated[str, Field(description="For X-CSRF-Token, beside a cookie")]
    token: Annotated[str | None, Field(description="For Authorization: Bearer")] = None


class Agent(BaseModel):
    """Of a colleague, an agent is shown id, name, team and state."""

    id: Annotated[str, Field(examples=["1001"])]
    name: str
    team: str
    state: Annotated[str, Field(examples=["available"])]
    skills: dict[str, int] | None = None
    code: str | None = None
    pending: str | None = None
    since: Micros | None = None
    contact: str | None = None
    version: Version | None = None
    allowed: Allowed | None = None


class Participant(BaseModel):
    id: str
    kind: Literal["customer", "agent", "outsider", "supervisor"]
    role: Annotated[str, Field(description="primary: in control; else empty")]
    state: str
    allowed: Allowed
    since: Micros


class Conversation(BaseModel):
    version: Version
    state: Annotated[str, Field(examples=["connected"])]
    since: Micros
    participants: list[Participant]


class Consulting(BaseModel):
    """The last consult, living or over (V-23, V-24)."""

    by: Annotated[str, Field(examples=["1001"])]
    by_name: str
    by_team: str
    to: Annotated[str, Field(examples=["agent:1002"])]
    since: Micros
    state: Literal["requested", "answered", "ended"]
    outcome: Annotated[
        str | None, Field(description="Why it ended: ended, left, ... or a reason code")
    ] = None
    variables: Annotated[
        dict[str, Any],
        Field(
            description="For who is consulted: who asks, and what consult_variables name",
            examples=[{"agent_name": "Ada", "agent_dn": "1001", "agent_team": "main"}],
        ),
    ]


class TransferFailure(BaseModel):
    """A transfer that nobody took."""

    by: str
    to: str
    reason: Annotated[str, Field(description="A reason code")]
    at: Micros


class Contact(BaseModel):
    id: Annotated[str, Field(examples=["a01jd2k3m4n5p6q7r8s9t0v1w2"])]
    entry_point: Annotated[str, Field(description="Empty: an agent placed it")]
    ani: Annotated[str, Field(description="The customer's number; hidden from read_only")]
    dnis: str
    arrived: Micros
    state: Literal["dialling", "flow", "waiting", "being_offered", "in_service"]
    since: Micros
    queue: str | None = None
    queued: Micros | None = None
    agent: str | None = None
    conversation: Conversation | None = None
    asked: Annotated[str | None, Field(description="Rung for a consult or a transfer")] = None
    consult: Consulting | None = None
    transfer_failed: TransferFailure | None = None
    direction: Literal["inbound", "outbound"] = "inbound"


class Waiting(BaseModel):
    contact: str
    since: Micros


class Router(BaseModel):
    """The outside router of a queue; ``by``: the account under which it was heard."""

    state: Literal["awaited", "present", "silent", "left"]
    by: str | None
    since: Micros


class EstimatedWait(BaseModel):
    """How long who comes now will wait: half of them ``p50`` seconds at most, nine of ten ``p90``.

    Made as the last one came, at that time.
    """

    p50: float
    p90: float
    at: Micros


class PastContact(BaseModel):
    """As the store has it: docs/store-schema.md says what each field means."""

    id: str
    seq: int
    channel: str
    direction: Literal["inbound", "outbound"]
    entry_point: str
    ani: str
    dnis: str
    arrived_at: Micros
    trunk: str | None
    queue: str | None
    agent: str | None
    queued_at: Micros | None
    answered_at: Micros | None
    transferred_to: str | None
    ended_at: Annotated[Micros | None, Field(description="None: it lives")]
    outcome: str | None
    during: str | None
    reason: str | None
    ended_by: str | None
    waited_seconds: float | None
    talked_seconds: float | None


class History(BaseModel):
    contacts: Annotated[list[PastContact], Field(description="The latest first")]
    next: Annotated[str | None, Field(description="To go on, before=")]
    seq: Annotated[int, Field(description="All events up to this number are in it")]


class Segment(BaseModel):
    id: int
    seq: int
    contact: str
    kind: str
    queue: str | None
    agent: str | None
    began_at: Micros
    ended_at: Micros | None


class Offer(BaseModel):
    id: int
    seq: int
    contact: str
    queue: str | None
    agent: str
    leg: str
    began_at: Micros
    delay_seconds: float
    ended_at: Micros | None
    result: str | None


class Activity(BaseModel):
    id: int
    seq: int
    agent: str
    channel: str
    state: str
    code: str | None
    contact: str | None
    queue: str | None
    kind: str | None
    began_at: Micros
    ended_at: Micros | None


class PastContactStory(PastContact):
    segments: list[Segment]
    offers: list[Offer]
    activities: list[Activity]


class Queue(BaseModel):
    """An agent is shown the name."""

    name: str
    waiting: list[Waiting] | None = None
    being_offered: int | None = None
    in_service: int | None = None
    estimated_wait: EstimatedWait | None = None
    router: Annotated[
        Router | None, Field(description="null: routed by its rules alone (docs/routing.md)")
    ] = None


class Team(BaseModel):
    name: str
    agents: list[str]


class EntryPoint(BaseModel):
    name: str
    numbers: list[str]


class Trunk(BaseModel):
    name: str
    entry_points: Literal["all"] | list[str]
    outbound: bool


class DirectoryEntry(BaseModel):
    name: str
    number: str | None
    agent: str | None


class Code(BaseModel):
    code: str
    name: str


class Entry(BaseModel):
    seq: int
    at: Micros
    event: dict[str, Any]


class Agents(BaseModel):
    agents: list[Agent]


class Contacts(BaseModel):
    contacts: list[Contact]
    next: Annotated[str | None, Field(description="For after, when there are more")]


class Queues(BaseModel):
    queues: list[Queue]


class Teams(BaseModel):
    teams: list[Team]


class EntryPoints(BaseModel):
    entry_points: list[EntryPoint]


class Trunks(BaseModel):
    trunks: list[Trunk]


class Directory(BaseModel):
    directory: list[DirectoryEntry]


class Codes(BaseModel):
    codes: list[Code]


class Timeline(BaseModel):
    id: str
    timeline: list[Entry]


class Page(BaseModel):
    entries: list[Entry]
    last: Annotated[int, Field(description="The number of the journal's last entry")]


class AgentDone(BaseModel):
    version: Version
    state: str
    code: str | None
    pending: Annotated[str | None, Field(description="What comes after the contact in hand")]
    allowed: Allowed


class CallStarted(BaseModel):
    contact: Annotated[str, Field(description="His phone is being called for it")]


class AvailableAgent(BaseModel):
    agent: str
    skills: dict[str, int]
    available: Annotated[float, Field(description="For so many seconds")]
    contacts: Annotated[int, Field(description="How many he has served since he signed in")]
    talked: Annotated[float, Field(description="Seconds since he signed in")]


class WaitingContact(BaseModel):
    contact: str
    version: Version
    priority: int
    needs: Annotated[str, Field(description="What it asks of an agent now: docs/routing.md")]
    waited: Annotated[float, Field(description="Seconds")]
    kept_seconds: Annotated[
        float | None,
        Field(description="For so long it is kept for the outside router; null: it is not"),
    ]
    tried: Annotated[list[str], Field(description="Agents who have failed it, last first")]
    preferred: list[str]
    suits: Annotated[
        list[str], Field(description="Of the agents below, to whom it can be assigned unforced")
    ]


class WhoWaits(BaseModel):
    """At most 100 contacts, first to last, and 200 agents, the longest available first."""

    queue: str
    router_seconds: Annotated[
        float | None,
        Field(description="For so long the outside router is believed to be there; null: not"),
    ]
    contacts: list[WaitingContact]
    more_contacts: int
    agents: list[AvailableAgent]
    more_agents: int


class RouterKept(WhoWaits):
    seconds: Annotated[float, Field(description="Come again within them, or you are not there")]


class RouterGone(BaseModel):
    queue: str
    seconds: float


class Candidate(AvailableAgent):
    verdict: Annotated[str, Field(description="SUITS, or why not: docs/reasons.md")]
    details: dict[str, str]


class Candidates(BaseModel):
    contact: str
    version: Version
    needs: str
    agents: list[Candidate]
    more_agents: int


class Assigned(BaseModel):
    """The agent has been reserved for it."""

    contact: str
    queue: str
    agent: str


class ContactDone(BaseModel):
    version: Version
    state: str
    allowed: Allowed


class Wish(BaseModel):
    supervisor: str
    kind: str
    target: str
    mode: Mode
    continuous: bool
    begins: Micros | None = None
    ends: Micros | None = None


class Wishes(BaseModel):
    wishes: list[Wish]


class StoryLine(BaseModel):
    seq: int
    at: Micros
    text: str


class Verdict(BaseModel):
    id: str
    verdict: Annotated[str, Field(description="A code: docs/reasons.md")]
    place: Annotated[int | None, Field(description="In the line: 1 is the chosen one")] = None
    because: str = ""
    details: dict[str, str] = {}


class Moment(BaseModel):
    seq: int
    at: Micros
    on: Annotated[str, Field(description="What had changed; now: nothing, it waits")]
    queue: str
    agent: Annotated[str | None, Field(description="Who was given a contact")]
    given: Annotated[str | None, Field(description="Which one")]
    asks: str
    waited: Annotated[float, Field(description="Seconds since it first began to wait")]
    version: Annotated[str, Field(description="Of the configuration")]
    agrees: Annotated[
        bool | None, Field(description="What was recorded is what follows from the rules")
    ]
    agents: list[Verdict]
    contacts: Annotated[list[Verdict], Field(description="Among which the agent was given one")]
    by: Annotated[str | None, Field(description="Who assigned it; null: the rules did")] = None


class Why(BaseModel):
    contact: str
    story: list[StoryLine]
    moments: list[Moment]


class Report(BaseModel):
    """``rows``: docs/metrics.md has every figure.  Times are ISO 8601, with their zone."""

    report: Literal["queues", "agents", "intervals", "contacts"]
    begin: str
    end: str
    time_zone: str
    interval: Literal["15", "30", "60", "day", "all"]
    service_level_seconds: float
    abandons: Literal["ignored", "negative", "positive"]
    short_call_seconds: float
    sudden_disconnect_seconds: float
    rows: list[dict[str, Any]]


class ConfigurationChange(BaseModel):
    key: Annotated[str, Field(description="As agents.1001.skills.english")]
    what: Literal["added", "changed", "removed"]


class Reloaded(BaseModel):
    version: Annotated[str, Field(description="The same for the same configuration")]
    changes: list[ConfigurationChange]
    needs_restart: Annotated[list[str], Field(description="Keys that wait for the next start")]
    warnings: list[str]


class Ok(BaseModel):
    ok: Literal[True] = True
