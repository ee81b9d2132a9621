"""Every key of the configuration: its type, its bounds, its default, what it means."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from actors.place import DEFAULT_PRIORITY
from sip.transport.listeners import ListenError, parse_listen


def _listen(entry: str) -> str:
    try:
        parse_listen(entry)
    except ListenError as error:
        raise ValueError(str(error)) from None
    return entry


def _address(text: str) -> str:
    """``HOST:PORT``, as ``127.0.0.1:9464``."""
    try:
        parse_listen(f"tcp:{text}")
    except ListenError:
        raise ValueError(f'expected "HOST:PORT", got {text!r}') from None
    return text


def _network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError:
        raise ValueError(f"expected an address or a network, got {text!r}") from None
    return text


def _ports(text: str) -> str:
    low, dash, high = text.partition("-")
    if not (dash and low.isascii() and high.isascii() and low.isdigit() and high.isdigit()):
        raise ValueError('expected "FIRST-LAST", as "20000-29999"')
    if not 1024 <= int(low) < int(high) <= 65535 or int(high) - int(low) < 3:
        raise ValueError("expected at least four ports from 1024 to 65535, first below last")
    return text


Listen = Annotated[str, AfterValidator(_listen)]
HostPort = Annotated[str, AfterValidator(_address)]
Network = Annotated[str, AfterValidator(_network)]
Ports = Annotated[str, AfterValidator(_ports)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}$")]
Number = Annotated[str, Field(pattern=r"^[A-Za-z0-9*#+_.\-]{1,64}$")]
Seconds = Annotated[float, Field(ge=0, le=7 * 24 * 3600)]
Proficiency = Annotated[int, Field(ge=1, le=10)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sip(Section):
    listen: Annotated[list[Listen], Field(min_length=1)] = [
        "udp:127.0.0.1:5060",
        "tcp:127.0.0.1:5060",
    ]
    """Where phones and trunks reach us: "udp:HOST:PORT" or "tcp:HOST:PORT", IPv6 in brackets."""
    realm: Name = "ccserver"
    """The name that phones use with their password, and the domain of our agents."""
    algorithms: Annotated[list[Literal["SHA-256", "MD5"]], Field(min_length=1)] = ["SHA-256", "MD5"]
    """Digest algorithms we accept, best first."""
    min_expires_seconds: Annotated[int, Field(ge=1)] = 60
    default_expires_seconds: Annotated[int, Field(ge=1)] = 300
    max_expires_seconds: Annotated[int, Field(ge=1)] = 3600
    max_bindings: Annotated[int, Field(ge=1, le=10)] = 10
    """Phones one agent may register."""
    nonce_seconds: Annotated[float, Field(gt=0)] = 60.0
    options_seconds: Seconds = 30.0
    """How often a registered phone is asked whether it is there; 0: never."""


class Media(Section):
    listen: str = "127.0.0.1"
    """The address at which phones send us their audio."""
    ports: Ports = "20000-29999"
    rtp_timeout_seconds: Annotated[float, Field(gt=0)] = 20.0
    """A phone that has sent audio, and then none for so long, is lost."""
    prompts: str = "prompts"
    """The directory of greetings and music; relative to the configuration file."""


class Metrics(Section):
    listen: HostPort = "127.0.0.1:9464"


class Web(Section):
    listen: HostPort = "127.0.0.1:8080"
    """Kept for the web process."""


class Data(Section):
    dir: str = "var"
    """Where the journal and the sockets live; relative to the working directory."""


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Routing(Section):
    rona_seconds: Annotated[float, Field(gt=0)] = 18.0
    """How long an agent's phone rings before the contact goes back to its place."""
    wrap_up_seconds: Seconds = 10.0
    max_contact_seconds: Annotated[float, Field(gt=0)] = 14400.0
    """No contact lasts longer: the lease of every contact and engagement."""


class AdmissionControl(Section):
    max_contacts: Annotated[int, Field(ge=1)] = 2000
    """More at once are refused with 503 and Retry-After."""
    max_loop_lag_seconds: Annotated[float, Field(gt=0)] = 0.5


class Drain(Section):
    seconds: Seconds = 60.0
    """How long conversations may go on after SIGTERM."""


class FeatureCodes(Section):
    available: Number = "*51"
    idle: Number = "*52"
    """Alone: the first idle code.  Followed by 1, 2, ...: that one."""
    sign_out: Number = "*53"


class Agent(Section):
    id: Name
    """Also the user name of the agent's phones."""
    name: str = ""
    secret: SecretStr
    sign_in: Literal["on_register", "manual"] = "on_register"
    skills: dict[Name, Proficiency] = {}
    team: str = ""


class Queue(Section):
    name: Name
    requirements: dict[Name, Proficiency] = {}
    music: str = "music.wav"
    rona_seconds: Annotated[float, Field(gt=0)] | None = None
    """None: routing.rona_seconds."""
    wrap_up_seconds: Seconds | None = None
    max_waiting: Annotated[int, Field(ge=1)] | None = None
    """More are played overflow_prompt and let go."""
    max_wait_seconds: Annotated[float, Field(gt=0)] | None = None
    overflow_prompt: str | None = "sorry.wav"


class Step(Section):
    """One step of a flow: exactly one of answer, play and queue."""

    answer: Literal[True] | None = None
    play: str | None = None
    queue: Name | None = None
    priority: Annotated[int, Field(ge=1, le=10)] = DEFAULT_PRIORITY


class EntryPoint(Section):
    name: Name
    """Also a number that can be dialled."""
    numbers: list[Number] = []
    flow: list[Step] = []
    """Empty: answer, greeting.wav, and the queue of the same name."""


class Trunk(Section):
    name: Name
    from_: Annotated[list[Network], Field(alias="from", min_length=1)]
    entry_points: Literal["all"] | list[Name] = "all"


class Settings(Section):
    sip: Sip = Sip()
    media: Media = Media()
    metrics: Metrics = Metrics()
    web: Web = Web()
    data: Data = Data()
    log: Log = Log()
    routing: Routing = Routing()
    admission: AdmissionControl = AdmissionControl()
    drain: Drain = Drain()
    feature_codes: FeatureCodes = FeatureCodes()
    idle_codes: list[Name] = ["break", "lunch", "meeting", "training"]
    agents: list[Agent] = []
    queues: list[Queue] = []
    entry_points: list[EntryPoint] = []
    trunks: list[Trunk] = []
