"""Every key of a scenario: what it takes, its bounds, its default, what it means.

Field docstrings are for testers: docs/scenario.md is made of them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ccserver.settings.kinds import Domain, HostPort, Name, Number
from ccserver.settings.section import Section
from loadtest.scenario.values import (
    Destination,
    Keys,
    Measure,
    Metric,
    Pattern,
    Share,
    Spread,
    Time,
    Url,
)

Rate = Annotated[float, Field(ge=0, le=100_000)]
SomeRate = Annotated[float, Field(gt=0, le=100_000)]
SomeSeconds = Annotated[float, Field(gt=0, le=7 * 24 * 3600)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]


class Target(Section):
    address: HostPort
    """Where the server under test awaits SIP."""
    transport: Literal["udp", "tcp"] = "udp"
    """What callers and agents speak over."""
    domain: Domain | None = None
    """The domain in the addresses of agents, and the realm; without it, the host of address."""
    metrics: Url | None = None
    """A Prometheus page of the server, as "http://127.0.0.1:9464/metrics": shown beside the
    callers' figures, and drawn in the report."""
    show: list[Metric] = [
        "ccserver_queue_waiting",
        "ccserver_contacts_in_service",
        "ccserver_sip_retransmissions_total",
        "ccserver_sip_refused_total",
        "ccserver_dispatch_seconds:p99",
        "ccserver_loop_lag_seconds:p99",
    ]
    """Of that page: each name's sum over its labels; or, as "request_seconds:p99", a percentile of
    a histogram since the second before, as its bucket's upper bound. What the server does not have
    is left out."""
    processes: list[str] = []
    """Processes of the server, if it is on this machine: whatever has all the words of an element
    in its command line, as "ccserver.core" or "asterisk"; where several servers have, those of the
    one at the port of address. A number is that of a process, and stands for those too that it
    started. Their CPU and memory stand in the report; one that ends, ends the run."""
    silent_seconds: SomeSeconds = 10.0
    """A server that says nothing for so long, with requests unanswered, is counted as dead: the
    run ends."""


class Phase(Section):
    name: Name
    """Told in the display and the report; `--set arrivals.phases.NAME.rate=50` changes it."""
    seconds: SomeSeconds
    """How long it lasts."""
    rate: Rate
    """Calls a second, in the end if there is a from_rate."""
    from_rate: Rate | None = None
    """Calls a second in the beginning: a ramp to rate."""
    steps: Annotated[int, Field(ge=1, le=1000)] = 1
    """With from_rate: a staircase of so many equal steps in place of a slope; 1: a slope."""
    measured: bool = True
    """false: a warm-up, whose calls do not count for the objectives."""


class Arrivals(Section):
    process: Literal["poisson", "constant", "recorded"] = "poisson"
    """How calls follow each other: by chance, as callers do; evenly; or as a file says."""
    phases: list[Phase] = []
    """One after the other: a soak is a long one, a spike a short and high one."""
    recorded: str | None = None
    """For "recorded": a file of one call a line, seconds after the start and, behind a comma, the
    number dialled. Relative to the scenario."""
    speed: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """For "recorded": 2 plays it in half the time."""
    seed: Annotated[int, Field(ge=0, le=2**63)] | None = None
    """The same seed draws the same calls again."""


class CallerKind(Section):
    name: Name
    """`--set callers.kinds.NAME.share=2` changes it."""
    dial: Number
    """What is dialled: the entry point, and so the skills that are needed."""
    share: Annotated[float, Field(gt=0, le=1_000_000)] = 1.0
    """How many of the callers, as a weight beside the other kinds'."""
    patience: Time = Spread("never")
    """How long after dialling a caller waits for an agent, before he hangs up."""
    talk: Time = Spread("fixed", 10.0)
    """How long after the answer a caller hangs up, if the agent has not."""
    keys: Keys = ""
    """Keys pressed once the server has answered (RFC 4733); a comma waits for a second. Needs
    audio."""
    headers: dict[str, str] = {}
    """More headers of the INVITE, as { "X-Segment" = "gold" }."""


class Callers(Section):
    kinds: list[CallerKind] = []
    """Who calls: entry points, and with them skills, patience and talk."""
    number: Pattern = "+4930{n:07d}"
    """The caller's number. Unlike for each call, it tells which agent's phone rings for whom."""
    answered_by: Literal["agent", "server"] | None = None
    """Whose answer the caller waits for. "agent": the server may answer before, with music, and
    talk begins when an agent of this scenario has answered; "server": the first 200 begins it.
    Without it: "agent" if there are agents."""
    user: str | None = None
    """For a server that challenges callers: the name they prove."""
    secret: str | None = None
    """Its password."""
    most_at_once: Annotated[int, Field(ge=1, le=100_000)] = 20_000
    """A call that would be one more is not started, and counts as failed."""


class Agents(Section):
    count: Annotated[int, Field(ge=0, le=100_000)] = 0
    """How many phones register."""
    first: Count = 1001
    """The number of the first: {n} below counts from here."""
    user: Pattern = "{n}"
    """The name with which a phone registers."""
    secret: Pattern = "secret-{n}"
    """The password for the digest."""
    registers: bool = True
    """false: the phones only answer; the server has their address from elsewhere."""
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    """The phones' own SIP port; 0: any."""
    register_rate: SomeRate = 100.0
    """Registrations a second, at the start and again and again."""
    expires_seconds: Annotated[int, Field(ge=10, le=86_400)] = 300
    """How long a registration is asked for; it is renewed at half of that."""
    answer_after: Time = Spread("uniform", 1.0, 3.0)
    """How long a phone rings before it is answered."""
    ignores: Share = 0.0
    """How many calls are left ringing; this and the two below share one draw."""
    rejects: Share = 0.0
    """How many are refused with reject_status."""
    hangs_up: Share = 0.0
    """How many are answered and then ended by the agent, after `talk`."""
    reject_status: Annotated[int, Field(ge=400, le=699)] = 486
    """486: busy; 603: declined."""
    talk: Time = Spread("fixed", 5.0)
    """After how long an agent hangs up who does."""
    goes_idle: Share = 0.0
    """After how many calls an agent is away for a while."""
    idle: Time = Spread("exponential", 30.0)
    """How long he is away."""
    idle_by: Literal["unregister", "dial"] = "unregister"
    """How he goes: his phone's registration ends, or he dials a feature code."""
    dial_idle: Number | None = None
    """For "dial": as "*521"."""
    dial_available: Number | None = None
    """For "dial", as "*51": also dialled after a registration, and after a call left
    ringing or rejected."""


class Media(Section):
    audio: Literal["none", "tone", "file"] = "none"
    """What callers and agents say. "none": their ports are open, and nothing is sent."""
    file: str | None = None
    """A WAV file: 8 kHz, mono, 16 bits, A-law or µ-law. Relative to the scenario."""
    tone_hz: Annotated[int, Field(ge=50, le=3800)] = 440
    """For "tone"."""
    codec: Literal["PCMU", "PCMA"] = "PCMU"
    """What is offered first; the other is taken too."""


class Api(Section):
    url: Url
    """Of ccserver's REST API, as "http://127.0.0.1:8080"."""
    user: Pattern = "agent-{n}"
    """The agents' accounts: role agent, one for each phone."""
    password: Pattern = "secret-{n}"
    """Their passwords."""
    consults: Share = 0.0
    """Of the callers, when their first agent has answered: he consults, and comes back to them."""
    transfers: Share = 0.0
    """He consults, and transfers when the other has answered."""
    conferences: Share = 0.0
    """He consults, makes a conference of it, and stays."""
    to: Destination | None = None
    """Whom he consults; an agent is named by his id, without a pattern."""
    after: Time = Spread("fixed", 2.0)
    """How long after the answer, and again between the steps."""


class Objective(Section):
    measure: Measure
    """What it is about: see below."""
    at_most: float | None = None
    """The highest value that meets it; this, or at_least."""
    at_least: float | None = None
    """The lowest."""


class Search(Section):
    lowest: SomeRate = 1.0
    """Calls a second at which it begins."""
    highest: SomeRate = 1000.0
    """No higher is tried."""
    precision: Annotated[float, Field(gt=0, le=1)] = 0.05
    """It ends when the rate is known to this share of it."""
    seconds: SomeSeconds = 30.0
    """How long each rate is held."""
    settle_seconds: SomeSeconds = 5.0
    """At each rate: calls that do not count yet."""
    confirmations: Annotated[int, Field(ge=0, le=10)] = 1
    """How often the rate found must hold again; if it does not, it goes on below."""
    at_least: SomeRate | None = None
    """The exit status is 1 if the rate found is below."""


class Scenario(Section):
    name: Name = "load-test"
    """Stands in the report."""
    target: Target
    arrivals: Arrivals = Arrivals()
    callers: Callers = Callers()
    agents: Agents = Agents()
    media: Media = Media()
    api: Api | None = None
    """ccserver alone: what agents do from their desktops. Without it, any SIP server will do."""
    objectives: list[Objective] = []
    """What must be true in the end: the exit status says whether."""
    search: Search = Search()
    """For `ccserver-load search`."""
    drain_seconds: SomeSeconds = 30.0
    """How long calls may go on after the last has come; then they are ended."""

    @property
    def waits_for_agents(self) -> bool:
        """Whether a caller's talk begins with an agent's answer."""
        chosen = self.callers.answered_by
        return self.agents.count > 0 if chosen is None else chosen == "agent"

    @property
    def seconds(self) -> float:
        """How long the phases last."""
        return sum(phase.seconds for phase in self.arrivals.phases)
