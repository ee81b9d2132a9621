"""Every key of the configuration: its type, its bounds, its default, what it means.

Field docstrings are for users: docs/configuration.md is made of them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from actors.place import DEFAULT_PRIORITY
from ccserver.settings.flow import Diversion, TreatmentStep
from ccserver.settings.hours import Hours, TimeZone
from ccserver.settings.kinds import (
    Address,
    DatabaseUrl,
    Domain,
    EntryPointNames,
    HostPort,
    Listen,
    Name,
    Network,
    Number,
    OneOrSeveral,
    OptionalPromptFile,
    Origin,
    OwnAddress,
    Ports,
    PromptFile,
)
from ccserver.settings.queue_rules import Needs, Proficiency, QueueRules, Weight
from ccserver.settings.section import Seconds, Section, SomeSeconds, WholeSeconds

Secret = Annotated[SecretStr, Field(min_length=1)]
ConsultVariable = Literal["ani", "dnis", "entry_point", "queue", "queued", "arrived"]


class Sip(Section):
    listen: Annotated[list[Listen], Field(min_length=1)] = [
        "udp:127.0.0.1:5060",
        "tcp:127.0.0.1:5060",
    ]
    """Where phones and trunks reach the server."""
    realm: Name = "ccserver"
    """The name that phones use with their password, and the domain of the agents."""
    domains: list[Domain] = []
    """Other domains under which phones may register, such as the server's name in DNS. The realm
    and the addresses of listen always do."""
    algorithms: Annotated[list[Literal["SHA-256", "MD5"]], Field(min_length=1)] = ["MD5"]
    """Digest algorithms that are offered and accepted, in the order of the challenges: "MD5",
    "SHA-256". baresip 1.0 refuses to register where it sees SHA-256, SIPp where it comes first."""
    min_expires_seconds: WholeSeconds = 60
    """A registration for less is refused with 423."""
    default_expires_seconds: WholeSeconds = 300
    """How long a registration lasts that does not say."""
    max_expires_seconds: WholeSeconds = 3600
    """A registration for more is shortened to this."""
    max_bindings: Annotated[int, Field(ge=1, le=10)] = 10
    """Phones that one agent may register."""
    nonce_seconds: SomeSeconds = 60.0
    """How long a phone may use one challenge; then it is given a new one."""
    options_seconds: Seconds = 30.0
    """How often a registered phone is asked whether it is there; 0: never."""


class Media(Section):
    listen: Annotated[list[OwnAddress], OneOrSeveral, Field(min_length=1)] = ["127.0.0.1"]
    """Where phones' audio is awaited: one address, or one of IPv4 and one of IPv6. Phones are told
    it, so a wildcard needs advertise."""
    advertise: Annotated[list[Address], OneOrSeveral] = []
    """What phones are told to send their audio to, in place of the address of its family in listen:
    needed for a wildcard, and behind a NAT."""
    ports: Ports = "20000-29999"
    """UDP ports for audio; a call takes four."""
    processes: Annotated[int, Field(ge=1, le=64)] = 1
    """How many processes carry audio, each with its share of ports, all of a call at one of them.
    More than one where one core does not do; see docs/scaling.md."""
    rtp_timeout_seconds: SomeSeconds = 20.0
    """A phone that has sent audio, and then none for so long, is lost."""
    prompts: Annotated[str, Field(min_length=1)] = "prompts"
    """The directory of greetings and music; relative to the directory of the configuration file."""


class Metrics(Section):
    listen: HostPort = "127.0.0.1:9464"
    """Where Prometheus reads `/metrics`."""


class Web(Section):
    listen: HostPort = "127.0.0.1:8080"
    """Where browsers and other programs reach the server."""
    origins: list[Origin] = []
    """Where the desktop's pages come from, as browsers name it, beside `listen` itself: needed
    behind a proxy, and for a wildcard."""
    tls_certificate: str | None = None
    """A file with the certificate and its chain, PEM: then HTTPS is spoken, and nothing else."""
    tls_key: str | None = None
    """The file with its key."""
    session_seconds: WholeSeconds = 43_200
    """Who has signed in stays so for this long."""
    requests_per_second: Annotated[float, Field(gt=0, le=10_000)] = 20.0
    """What one account may ask; three times as many in a burst, then 429."""


class Data(Section):
    dir: Annotated[str, Field(min_length=1)] = "var"
    """Where the journal and the server's own sockets are; relative to the working directory."""


class Store(Section):
    """The journal in tables, for who asks with SQL."""

    enabled: bool = True
    """Whether there is one. Without it the past is in the journal alone."""
    url: Annotated[Secret, DatabaseUrl] | None = None
    """The database that holds it; without it, the file store.sqlite in data.dir. A FILE is relative
    to the working directory."""
    keep_days: Annotated[float, Field(ge=1, le=36500)] = 400.0
    """So long after its end a row is kept; the journal keeps all of it. 400 days: a month can be
    compared with that of the year before."""


class Audit(Section):
    """Whether what the journal tells can be, looked at while the server runs: docs/recovery.md."""

    enabled: bool = True
    """Whether a process does it."""
    seconds: Annotated[float, Field(ge=1, le=3600)] = 10.0
    """Between two looks."""


class JournalKeeping(Section):
    inputs: bool = True
    """Whether all that comes from outside is written down beside the journal, so that each run of
    the server can be replayed; see docs/replay.md."""
    inputs_days: Annotated[float, Field(gt=0, le=3650)] = 7.0
    """For so long the inputs of a run are kept after its end."""


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    """What is logged: this and worse."""
    format: Literal["console", "json"] = "console"
    """For people, or one JSON object a line."""


class Routing(Section):
    rona_seconds: SomeSeconds = 18.0
    """How long an agent's phone rings before the contact goes back to its place."""
    misses: Annotated[int, Field(ge=1, le=100)] = 1
    """So many offers in a row that an agent does not take make him idle."""
    no_answer_delay_seconds: Seconds = 0.0
    """After one that does not make him idle yet: how long he is given nothing, if his phone rang in
    vain."""
    busy_delay_seconds: Seconds = 60.0
    """The same, if his phone was busy."""
    declined_delay_seconds: Seconds = 10.0
    """The same, if he declined."""
    unreachable_delay_seconds: Seconds = 30.0
    """The same, if his phone could not be reached."""
    wrap_up_seconds: Seconds = 10.0
    """Time after a conversation before the agent is available again."""
    max_contact_seconds: SomeSeconds = 14400.0
    """No contact lasts longer."""
    ringback: PromptFile = "ringback.wav"
    """What an agent hears who consults, until the other party answers."""
    voice: Annotated[str, Field(pattern=r"^[A-Za-z0-9_\-]{1,32}$")] = "en"
    """The directory in media.prompts with the pieces that numbers are spoken from."""


class Outbound(Section):
    """Calls that agents place."""

    caller_id: Number | None = None
    """The number shown to whom an agent calls; without it the agent's id."""
    wrap_up_seconds: Seconds | None = None
    """In place of routing.wrap_up_seconds."""
    calls_per_hour: Annotated[int, Field(ge=1)] | None = 60
    """Numbers that one agent may have dialled within an hour, to call, to consult or to transfer;
    more are refused with AGENT_CALL_LIMIT."""
    queue: Name | None = None
    """Where a customer waits whom an agent has called and then lost; without it the call ends."""
    music: PromptFile = "music.wav"
    """What those customers hear who are held."""
    monitored: bool = True
    """Whether supervisors may listen to these calls."""


class AdmissionControl(Section):
    max_contacts: Annotated[int, Field(ge=1)] = 2000
    """More at once are refused with 503 and Retry-After."""
    max_loop_lag_seconds: SomeSeconds = 0.5
    """New calls are refused while the server is later than this."""


class Drain(Section):
    seconds: Seconds = 60.0
    """How long conversations may go on after SIGTERM."""


class Reports(Section):
    """How `ccserver report` and `/api/v1/reports` count."""

    time_zone: TimeZone = "UTC"
    """By whose clock a day begins, and every interval."""
    service_level_seconds: SomeSeconds = 20.0
    """Who is answered within so long of coming into a queue is answered in time."""
    abandons: Literal["ignored", "negative", "positive"] = "negative"
    """How who gives up within that time counts in the service level: not at all, as not answered in
    time, or as answered in time."""
    short_call_seconds: Seconds = 0.0
    """Who hangs up within so long of his arrival made a short call, and has not abandoned; 0:
    nobody."""
    sudden_disconnect_seconds: Seconds = 5.0
    """A conversation that ends within so long is counted as cut off."""


class FeatureCodes(Section):
    available: Number = "*51"
    """Dialled by an agent: available."""
    idle: Number = "*52"
    """Alone: idle with the first idle code.  Followed by 1, 2, ...: with that one."""
    sign_out: Number = "*53"
    """Dialled by an agent: signed out."""


class Agent(Section):
    id: Name
    """Also the user name of the agent's phones, and the number that reaches them."""
    name: str = ""
    """What people call the agent."""
    secret: Secret
    """The password of the agent's phones."""
    sign_in: Literal["on_register", "manual"] = "on_register"
    """Whether the agent is available as soon as a phone registers."""
    skills: dict[Name, Proficiency] = {}
    """Each skill with a proficiency from 1 to 10."""
    weight: Weight = 1
    """In queues with strategy = "weighted_random": who has twice as much is drawn twice as
    often."""
    team: Name = "main"
    """Supervisors may ask to hear a team's calls; who is consulted is shown it."""
    role: Literal["agent", "supervisor", "administrator"] = "agent"
    """A supervisor may listen to others' calls; the dial plan knows roles too."""
    permissions: list[Literal["hold", "consult", "conference", "transfer", "call"]] = [
        "hold",
        "consult",
        "conference",
        "transfer",
        "call",
    ]
    """What the agent may do with a call, and whether he may place one; to answer and to end it is
    always allowed."""


class AccountEntry(Section):
    """Someone who may sign in at the web process.

    ``ccserver users`` makes others, whose passwords nobody can read.
    """

    name: Name
    """With this name."""
    password: Secret
    """And this password: for demonstrations, since it stands here as it is."""
    role: Literal["agent", "supervisor", "administrator", "read_only"]
    """What he may do."""
    agent: Name | None = None
    """The agent who he is, if he takes calls or listens to them."""
    teams: list[Name] = []
    """A supervisor's teams; empty: all."""


class Queue(QueueRules):
    music: PromptFile = "music.wav"
    """What those who wait hear."""
    rona_seconds: SomeSeconds | None = None
    """In place of routing.rona_seconds."""
    wrap_up_seconds: Seconds | None = None
    """In place of routing.wrap_up_seconds."""
    max_waiting: Annotated[int, Field(ge=1)] | None = None
    """When so many wait, one more hears overflow_prompt and is let go."""
    max_wait_seconds: SomeSeconds | None = None
    """Who has waited so long hears overflow_prompt and is let go."""
    overflow_prompt: OptionalPromptFile = "sorry.wav"
    """Played before a customer is let go whom the queue cannot keep; "": nothing."""
    hours: Name | None = None
    """The opening hours that "closed" means; without them it is always open."""
    diversions: list[Diversion] = []
    """At the door, before the customer waits: the first rule that holds sends him elsewhere."""
    overflows: list[Diversion] = []
    """While he waits: the first rule that holds sends him elsewhere."""
    resume_seconds: Seconds = 0.0
    """A caller who hangs up while he waits, and calls again from the same number within so long,
    has his place back, once; 0: he has not."""
    treatment: list[TreatmentStep] = []
    """What he hears beside the music while he waits."""
    capacity_based: bool = False
    """It counts seats and has no agents of its own: agents cannot consult it."""
    monitored: bool = True
    """Whether supervisors may listen to its calls."""


class Step(Section):
    """One step of a flow: exactly one of answer, play and queue."""

    answer: Literal[True] | None = None
    """Answer the call."""
    play: PromptFile | None = None
    """Play a file to its end."""
    queue: Name | None = None
    """Wait in this queue: the last step."""
    priority: Annotated[int, Field(ge=1, le=10)] = DEFAULT_PRIORITY
    """With queue: 1 is served first, 10 last."""
    needs: Needs | None = None
    """With queue: what who comes this way asks of an agent, beside what the queue does, and in
    every ring."""


class EntryPoint(Section):
    name: Name
    """Also a number that can be dialled."""
    numbers: list[Number] = []
    """What customers dial to come here."""
    flow: list[Step] = []
    """Empty: answer, greeting.wav, and the queue of the same name."""
    hours: Name | None = None
    """The opening hours that "closed" means; without them, those of the queue it leads to."""
    diversions: list[Diversion] = []
    """Before the first step, and before the call is answered. What they ask of a queue, they ask of
    the one it leads to."""


class Trunk(Section):
    name: Name
    """Unique among the trunks."""
    from_: Annotated[list[Network], Field(alias="from", min_length=1)]
    """Who may call entry points, and nothing else, without registering."""
    entry_points: EntryPointNames = "all"
    """The entry points that may be called so."""
    gateway: HostPort | None = None
    """Where calls to numbers outside are sent, by UDP."""
    max_calls: Annotated[int, Field(ge=1)] | None = None
    """More calls at once, in and out, are refused with the reason TRUNK_LIMIT."""


class DialRule(Section):
    prefix: Annotated[str, Field(pattern=r"^[0-9*#+]*$", max_length=32)]
    """Numbers that begin so; the longest prefix that fits a number decides."""
    trunk: Name | None = None
    """The trunk whose gateway they are sent to; without it nobody may dial them."""
    roles: list[Literal["agent", "supervisor", "administrator"]] = ["agent", "supervisor"]
    """Who may have them dialled."""


class DirectoryEntry(Section):
    """A name that agents may consult or transfer to: exactly one of number and agent."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    """As agents see it."""
    number: Number | None = None
    """A number of the dial plan, an entry point's, or an agent's."""
    agent: Name | None = None
    """The id of an agent."""


class Settings(Section):
    sip: Sip = Sip()
    media: Media = Media()
    metrics: Metrics = Metrics()
    web: Web = Web()
    data: Data = Data()
    store: Store = Store()
    audit: Audit = Audit()
    journal: JournalKeeping = JournalKeeping()
    log: Log = Log()
    routing: Routing = Routing()
    outbound: Outbound = Outbound()
    admission: AdmissionControl = AdmissionControl()
    drain: Drain = Drain()
    reports: Reports = Reports()
    feature_codes: FeatureCodes = FeatureCodes()
    idle_codes: Annotated[list[Name], Field(min_length=1)] = [
        "break",
        "lunch",
        "meeting",
        "training",
    ]
    """Why an agent may be idle, in the order of the feature code."""
    wrap_up_codes: list[Name] = ["resolved", "call-back", "wrong-number"]
    """What an agent may say of a contact when it ends."""
    wrap_up_names: dict[Name, Annotated[str, Field(min_length=1, max_length=100)]] = {}
    """What agents read, and search, in place of a code of wrap_up_codes."""
    consult_variables: Annotated[list[ConsultVariable], Field(max_length=6)] = ["ani", "queue"]
    """What else of a contact a consulted agent is shown, beside who asks: name, number, team."""
    hours: list[Hours] = []
    """Opening hours, by name."""
    agents: list[Agent] = []
    """People who answer."""
    accounts: list[AccountEntry] = []
    """Who may sign in at the web process, beside those of `ccserver users`."""
    queues: list[Queue] = []
    """What contacts wait in."""
    entry_points: list[EntryPoint] = []
    """Where a dialled number lands."""
    trunks: list[Trunk] = []
    """From where customers' calls come, and where calls to numbers outside go."""
    dial_plan: list[DialRule] = []
    """What agents may have dialled; what no rule fits is refused."""
    directory: list[DirectoryEntry] = []
    """Whom agents can find by name."""
