"""Settings in the words of the actors and of SIP."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from ipaddress import ip_network

from msgspec.structs import replace

from actors.agent import AgentSettings
from actors.availability import Patience
from actors.commands import ToEntryPoint, ToNumber, ToQueue
from actors.dial_plan import DialPlan, DirectoryEntry, Gateway
from actors.dial_plan import Rule as DialRule
from actors.diversion import Busy, Destination, Diversion, Farewell
from actors.dossier import AgentCard, Outbound, World
from actors.flow import (
    Announcement,
    AnswerCall,
    Comfort,
    EntryPoint,
    PlayPrompt,
    QueuePlan,
    SayPosition,
    SayWait,
    Step,
    WaitInQueue,
)
from actors.hours import Calendar
from actors.ids import NO_QUEUE, AgentId, EntryPointName, QueueName
from actors.queue import QueueSettings
from actors.reasons import OfferFailure
from actors.routing.expressions import EVERYBODY, any_of, matches
from actors.routing.grammar import parse
from actors.routing.policy import Policy
from ccserver.core.ingress import FeatureCodes, Trunk
from ccserver.settings import Settings, model
from ccserver.settings.flow import LIMITS, TreatmentStep
from ccserver.settings.flow import Diversion as Rule
from ccserver.settings.hours import calendar_of
from ccserver.settings.queue_rules import needs_of_rings, rules_of
from sip.authentication import Account, account
from sip.message.grammar import quote
from sip.registrar import Limits
from sip.transport.path import Path

GREETING = "greeting.wav"


def queue_plans(settings: Settings) -> dict[QueueName, QueuePlan]:
    calendars = _calendars(settings)
    return {
        QueueName(queue.name): QueuePlan(
            QueueName(queue.name),
            queue.music,
            _rona(queue, settings),
            queue.overflow_prompt,
            queue.capacity_based,
            queue.monitored,
            hours=calendars.get(queue.hours),
            diversions=_diversions(queue.diversions),
            overflows=_diversions(queue.overflows),
            treatment=tuple(map(_announcement, queue.treatment)),
        )
        for queue in settings.queues
    }


def world(settings: Settings, path_to: Callable[[str, int], Path | None]) -> World:
    """What every contact may know of the centre.

    A gateway to which no listener leads is none: ``path_to`` gives None for it.
    """
    gateways = {}
    for trunk in settings.trunks:
        if trunk.gateway is None:
            continue
        path = path_to(*_host_port(trunk.gateway))
        if path is not None:
            gateways[trunk.name] = Gateway(trunk.name, trunk.gateway, path)
    rules = tuple(
        DialRule(rule.prefix, frozenset(rule.roles), gateways.get(rule.trunk or ""))
        for rule in settings.dial_plan
    )
    plans = queue_plans(settings)
    return World(
        plans,
        entry_points(settings),
        {AgentId(agent.id): _card(agent) for agent in settings.agents},
        DialPlan(rules),
        {e.name: DirectoryEntry(e.name, e.number, e.agent) for e in settings.directory},
        settings.routing.ringback,
        settings.routing.voice,
        outbound=_outbound(settings.outbound, settings.routing.rona_seconds, plans),
    )


def closing(centre: World, closed: Collection[str]) -> World:
    """The same, but nobody is sent to these queues any more."""
    plans = {n: replace(p, closed=True) if n in closed else p for n, p in centre.plans.items()}
    return replace(centre, plans=plans)


def _outbound(
    settings: model.Outbound, rona: float, plans: Mapping[QueueName, QueuePlan]
) -> Outbound:
    plan = QueuePlan(NO_QUEUE, settings.music, rona, monitored=settings.monitored)
    fallback = None if settings.queue is None else plans[QueueName(settings.queue)]
    return Outbound(plan, fallback, settings.caller_id)


def _card(agent: model.Agent) -> AgentCard:
    return AgentCard(agent.name, agent.team, agent.role, frozenset(agent.permissions))


def _host_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def queues(settings: Settings) -> list[QueueSettings]:
    return [
        QueueSettings(
            QueueName(queue.name),
            queue.max_waiting,
            queue.max_wait_seconds,
            _rona(queue, settings),
            queue.last_agent_seconds,
            queue.last_agent_memory_seconds,
        )
        for queue in settings.queues
    ]


def policy(settings: Settings, version: str) -> Policy:
    """Whom each queue wants: what the dispatcher applies.  ``version``: of the configuration."""
    every = {queue.name: queue for queue in settings.queues}
    rules = {QueueName(name): rules_of(queue, every) for name, queue in every.items()}
    return Policy(rules, version)


def agents(settings: Settings) -> list[AgentSettings]:
    wrap_up = {
        QueueName(queue.name): (
            settings.routing.wrap_up_seconds
            if queue.wrap_up_seconds is None
            else queue.wrap_up_seconds
        )
        for queue in settings.queues
    }
    outbound = settings.outbound.wrap_up_seconds
    wrap_up[NO_QUEUE] = settings.routing.wrap_up_seconds if outbound is None else outbound
    ours = settings.routing.rona_seconds  # of a call that he places
    longest_ring = max([ours, *(_rona(queue, settings) for queue in settings.queues)])
    callers = {role for rule in settings.dial_plan if rule.trunk for role in rule.roles}
    patience = _patience(settings.routing)
    limited = frozenset(QueueName(q.name) for q in settings.queues if q.max_agents is not None)
    return [
        AgentSettings(
            AgentId(agent.id),
            dict(agent.skills),
            agent.sign_in,
            tuple(settings.idle_codes),
            wrap_up,
            longest_ring,
            settings.routing.max_contact_seconds,
            frozenset(settings.wrap_up_codes),
            "call" in agent.permissions and agent.role in callers,
            agent.weight,
            position,
            patience,
            limited,
        )
        for position, agent in enumerate(settings.agents)
    ]


def _patience(routing: model.Routing) -> Patience:
    no_answer, unreachable = routing.no_answer_delay_seconds, routing.unreachable_delay_seconds
    delays = {
        OfferFailure.RONA: no_answer,
        OfferFailure.NO_ANSWER: no_answer,
        OfferFailure.BUSY: routing.busy_delay_seconds,
        OfferFailure.DECLINED: routing.declined_delay_seconds,
        OfferFailure.UNAVAILABLE: unreachable,
        OfferFailure.INVALID_NUMBER: unreachable,
    }
    return Patience(routing.misses, delays)


def entry_points(settings: Settings) -> dict[EntryPointName, EntryPoint]:
    """By everything that can be dialled: the name and the numbers."""
    calendars = _calendars(settings)
    dialled = {}
    for entry in settings.entry_points:
        made = EntryPoint(
            EntryPointName(entry.name),
            _flow(entry),
            calendars.get(entry.hours),
            _diversions(entry.diversions),
        )
        for number in (entry.name, *entry.numbers):
            dialled[EntryPointName(number)] = made
    return dialled


def _flow(entry: model.EntryPoint) -> tuple[Step, ...]:
    if not entry.flow:
        return (AnswerCall(), PlayPrompt(GREETING), WaitInQueue(QueueName(entry.name)))
    steps: list[Step] = []
    for step in entry.flow:
        if step.play is not None:
            steps.append(PlayPrompt(step.play))
        elif step.queue is not None:
            needs = EVERYBODY if step.needs is None else parse(step.needs)
            steps.append(WaitInQueue(QueueName(step.queue), step.priority, needs))
        else:
            steps.append(AnswerCall())
    return tuple(steps)


def able_agents(settings: Settings) -> dict[QueueName, list[AgentId]]:
    """Who could serve each queue, sooner or later."""
    every = {queue.name: queue for queue in settings.queues}
    able = {}
    for name, queue in every.items():
        anyone = any_of(needs_of_rings(queue, every))
        able[QueueName(name)] = [
            AgentId(agent.id)
            for agent in settings.agents
            if matches(anyone, agent.skills, agent.id)
        ]
    return able


def resume_seconds(settings: Settings) -> dict[QueueName, float]:
    """For how long each queue keeps the place of a caller who hung up."""
    return {QueueName(queue.name): queue.resume_seconds for queue in settings.queues}


def _calendars(settings: Settings) -> dict[str | None, Calendar]:
    return {hours.name: calendar_of(hours) for hours in settings.hours}


def _diversions(rules: list[Rule]) -> tuple[Diversion, ...]:
    return tuple(
        Diversion(rule.when, _destination(rule), float(rule.contacts or rule.seconds or 0.0))
        for rule in rules
    )


def _announcement(step: TreatmentStep) -> Announcement:
    what: Comfort | SayPosition | SayWait
    silent, better = step.silent_beyond_limit, step.only_better
    limit = step.limit or LIMITS.get(step.say or "", 0)
    match step.say:
        case "position":
            what = SayPosition(limit, silent, better)
        case "estimated_wait":
            what = SayWait(limit, silent, better, step.round_minutes)
        case None:
            what = Comfort(step.play or "")
    return Announcement(what, step.after_seconds, step.every_seconds, step.times)


def _destination(rule: Rule) -> Destination:
    if rule.queue is not None:
        return ToQueue(QueueName(rule.queue))
    if rule.entry_point is not None:
        return ToEntryPoint(EntryPointName(rule.entry_point))
    if rule.number is not None:
        return ToNumber(rule.number)
    return Farewell(rule.message) if rule.busy is None else Busy(rule.busy)


def accounts(settings: Settings) -> dict[str, Account]:
    algorithms = tuple(settings.sip.algorithms)
    return {
        agent.id: account(agent.id, settings.sip.realm, agent.secret.get_secret_value(), algorithms)
        for agent in settings.agents
    }


def trunks(settings: Settings) -> tuple[Trunk, ...]:
    return tuple(
        Trunk(
            trunk.name,
            tuple(ip_network(network) for network in trunk.from_),
            None if trunk.entry_points == "all" else frozenset(trunk.entry_points),
        )
        for trunk in settings.trunks
    )


def max_calls(settings: Settings) -> dict[str, int]:
    """By trunk, of those that have a limit."""
    return {t.name: t.max_calls for t in settings.trunks if t.max_calls is not None}


def feature_codes(settings: Settings) -> FeatureCodes:
    codes = settings.feature_codes
    return FeatureCodes(codes.available, codes.idle, codes.sign_out, tuple(settings.idle_codes))


def limits(settings: Settings) -> Limits:
    sip = settings.sip
    return Limits(
        sip.min_expires_seconds,
        sip.default_expires_seconds,
        sip.max_expires_seconds,
        sip.max_bindings,
        sip.options_seconds,
    )


def quoted(text: str) -> str:
    """A display name that nothing in it can break out of."""
    return quote(text if text.isprintable() else "".join(filter(str.isprintable, text)))


def _rona(queue: model.Queue, settings: Settings) -> float:
    return settings.routing.rona_seconds if queue.rona_seconds is None else queue.rona_seconds
