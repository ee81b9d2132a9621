"""What a seed means: how big the centre is, how people behave, what goes wrong and when.

A run is its ``Swarm``, and nothing else.  What goes wrong is a list, so that a failing run can be
shrunk by leaving parts of it away.
"""

from __future__ import annotations

from random import Random
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from actors.base import BURST
from tests.support.network import Weather

VERSION = 5
"""Of this generator: a seed that failed means what it meant then.

1 had no deaths of the server and no disk; 2 had no reloads, no programs at the door and nobody who
supervises; 3 had nobody outside who gives contacts away, and no tail of the journal; 4 had no core
that has too much to do, and changed one thing in a reload.
"""

FaultKind: TypeAlias = Literal[
    "power",  # a phone loses its power, and registers again when it is back
    "deaf",  # what the server sends does not reach the phone
    "mute",  # what the phone sends does not reach the server
    "rebind",  # the phone has another port, and registers from there
    "storm",  # the network loses, doubles and delays far more
    "actor",  # a resident actor crashes: the dispatcher, a queue, an agent
    "contact",  # a contact's machine crashes
    "media_full",  # no more media sessions
    "media_lost",  # the media process dies
    "garbage",  # a stranger sends what is no SIP, or nearly is
    "spoof",  # a stranger sends BYE, CANCEL and re-INVITE to dialogs that are not his
    "clock",  # the wall clock steps
    "kill",  # the server is killed, and started again
    "outage",  # the machine has no power: the media process and what was not on the disk are gone
    "disk",  # no commit succeeds
    "slow_disk",  # a commit takes seconds
    "reload",  # the configuration is another, and a server that is there is told so
]
FAULTS: tuple[FaultKind, ...] = (
    "power",
    "deaf",
    "mute",
    "rebind",
    "storm",
    "actor",
    "contact",
    "media_full",
    "media_lost",
    "garbage",
    "spoof",
    "clock",
)
LATER: tuple[FaultKind, ...] = ("kill", "kill", "kill", "outage", "disk", "slow_disk")
"""Of generator 2, by how often they are drawn."""


class Fault(Struct, frozen=True):
    """``at`` and ``lasts`` in virtual seconds; ``who`` picks one of those whom it can hit."""

    at: float
    kind: FaultKind
    who: int
    lasts: float


class Manners(Struct, frozen=True):
    """How the people of this run behave; chances from 0 to 1, times in seconds."""

    answers: float
    """Of offers that ring; the rest is ignored or rejected."""
    rejects: float
    answer_seconds: float
    talk_seconds: float
    stay_seconds: float
    """A customer hangs up after so long, wherever he is by then."""
    commands: float
    """A second of a conversation, an agent commands something with this chance."""
    wishes: float
    """A second, some agent asks to be idle, available or signed out with this chance."""


class Swarm(Struct, frozen=True):
    seed: int
    minutes: float
    """With faults; after them the centre has ``QUIET_SECONDS`` without."""
    hold_back: float
    agents: int
    skills: tuple[tuple[str, ...], ...]
    """By agent."""
    arrivals_per_minute: float
    delay: tuple[float, float]
    loss: float
    rona_seconds: float
    wrap_up_seconds: float
    max_wait_seconds: float | None
    max_waiting: int | None
    strategy: str
    """Of the queue ``support``."""
    media_seconds: float
    """How long the media process takes to open a session."""
    manners: Manners
    faults: tuple[Fault, ...]
    commit_seconds: float = 0.0
    """How long a commit of the journal takes."""
    clients: int = 0
    """Programs at the door."""
    supervisors: int = 0
    routed: str = ""
    """The queue that is given away from outside, if there is one."""
    routers: int = 0
    """Programs that give its contacts away."""
    routed_seconds: float = 20.0
    router_silence: float = 10.0
    tail: bool = False
    """A server that is killed leaves behind what the disk did not have yet."""
    burst: int = BURST
    """Messages that actors handle before others get their turn: datagrams, timers, commands."""
    burst_seconds: float = 0.0
    """How long those others have it."""
    changes: int = 1
    """In one reload, at most; where there may be several, queues ask for other skills, too."""

    @property
    def weather(self) -> Weather:
        return Weather(self.loss, self.loss, self.delay)


STRATEGIES = ("longest_available", "longest_available", "ring_all")
QUIET_SECONDS = 400.0
"""After the last fault: whoever waits is served, and every lease of a lost agent runs out."""


def draw(seed: int, minutes: float = 10.0, version: int = VERSION) -> Swarm:
    """The run of this seed, as that generator meant it.  Which faults there are at all is drawn
    too: a run with few kinds goes deeper than one where all disturb each other.
    """
    swarm = _people_and_network(seed, minutes)
    if version >= 2:
        swarm = _server(swarm)
    if version >= 3:
        swarm = _door(swarm)
    if version >= 4:
        swarm = _outside(swarm)
    return _busy(swarm) if version >= 5 else swarm


def _server(swarm: Swarm) -> Swarm:
    """With what happens to the server and its disk, from random numbers of its own."""
    random = Random(f"server {swarm.seed}")
    commit_seconds = random.choice((0.0, 0.001, 0.01, 0.1))
    kinds = [kind for kind in LATER if random.random() < 0.4]
    deaths = _drawn(random, kinds, swarm.minutes * 60.0, (60.0, 200.0, 400.0)) if kinds else []
    return replace(
        swarm,
        faults=tuple(sorted([*swarm.faults, *deaths], key=_order)),
        commit_seconds=commit_seconds,
    )


def _door(swarm: Swarm) -> Swarm:
    """With what comes by the door: commands, supervisors, reloads."""
    random = Random(f"door {swarm.seed}")
    clients, supervisors = random.choice((0, 1, 3, 6)), random.choice((0, 0, 1, 2))
    reloads: list[Fault] = []
    if random.random() < 0.4:
        reloads = _drawn(random, ["reload"], swarm.minutes * 60.0, (30.0, 100.0, 300.0))
    return replace(
        swarm,
        faults=tuple(sorted([*swarm.faults, *reloads], key=_order)),
        clients=clients,
        supervisors=supervisors,
    )


def _outside(swarm: Swarm) -> Swarm:
    """With who gives contacts away from outside, in two of five; and with the journal's tail."""
    swarm = replace(swarm, tail=Random(f"tail {swarm.seed}").random() < 0.5)
    random = Random(f"outside {swarm.seed}")
    if random.random() < 0.6:
        return swarm
    return replace(
        swarm,
        routed=random.choice(("support", "support", "spanish")),
        routers=random.choice((0, 1, 1, 2)),
        routed_seconds=random.choice((3.0, 10.0, 20.0)),
        router_silence=random.choice((2.0, 5.0, 10.0)),
    )


def _busy(swarm: Swarm) -> Swarm:
    """One of three has a core whose messages are long under way, as under load: whatever comes
    from outside comes between them.  And what an administrator changes, he changes at once.
    """
    random = Random(f"busy {swarm.seed}")
    swarm = replace(swarm, changes=random.choice((1, 3, 6)))
    if random.random() < 0.67:
        return swarm
    burst, seconds = random.choice(((1, 0.001), (2, 0.005), (5, 0.01)))
    return replace(swarm, burst=burst, burst_seconds=seconds)


def _people_and_network(seed: int, minutes: float) -> Swarm:
    random = Random(f"swarm 1 {seed}")
    agents = random.randint(1, 8)
    languages = ("english", "spanish")
    skills = tuple(
        languages if random.random() < 0.4 else (random.choice(languages),) for _ in range(agents)
    )
    return Swarm(
        seed=seed,
        minutes=minutes,
        hold_back=random.choice((0.0, 0.3, 0.6, 0.9)),
        agents=agents,
        skills=skills,
        arrivals_per_minute=random.choice((2.0, 5.0, 10.0, 20.0)),
        delay=random.choice(((0.001, 0.001), (0.001, 0.02), (0.01, 0.3), (0.05, 1.5))),
        loss=random.choice((0.0, 0.0, 0.02, 0.1)),
        rona_seconds=random.choice((5.0, 10.0, 18.0)),
        wrap_up_seconds=random.choice((0.0, 1.0, 10.0)),
        max_wait_seconds=random.choice((None, None, 20.0, 60.0)),
        max_waiting=random.choice((None, None, 3)),
        strategy=random.choice(STRATEGIES),
        media_seconds=random.choice((0.0, 0.0, 0.01, 0.2)),
        manners=Manners(
            answers=random.choice((0.5, 0.9, 1.0)),
            rejects=random.choice((0.0, 0.05, 0.3)),
            answer_seconds=random.choice((0.5, 3.0, 8.0)),
            talk_seconds=random.choice((5.0, 30.0, 120.0)),
            stay_seconds=random.choice((20.0, 60.0, 300.0)),
            commands=random.choice((0.0, 0.05, 0.3)),
            wishes=random.choice((0.0, 0.01, 0.1)),
        ),
        faults=_faults(random, minutes * 60.0),
    )


def _faults(random: Random, seconds: float) -> tuple[Fault, ...]:
    kinds = [kind for kind in FAULTS if random.random() < 0.35]
    if not kinds or random.random() < 0.1:
        return ()
    return tuple(sorted(_drawn(random, kinds, seconds, (20.0, 60.0, 200.0)), key=_order))


def _drawn(
    random: Random, kinds: list[FaultKind], seconds: float, one_in: tuple[float, ...]
) -> list[Fault]:
    count = max(1, round(seconds / random.choice(one_in)))
    return [
        Fault(
            at=round(random.uniform(5.0, seconds), 3),
            kind=random.choice(kinds),
            who=random.randrange(1_000_000),
            lasts=round(random.expovariate(1 / random.choice((1.0, 10.0, 40.0))), 3),
        )
        for _ in range(count)
    ]


def _order(fault: Fault) -> tuple[float, str, int]:
    return fault.at, fault.kind, fault.who


def agent_names(swarm: Swarm) -> list[str]:
    return [str(1001 + number) for number in range(swarm.agents)]


def supervisor_names(swarm: Swarm) -> list[str]:
    return [str(9001 + number) for number in range(swarm.supervisors)]
