"""The Prometheus metrics: what each is called, and what it shows.  docs/metrics.md explains them.

All numbers of a scrape are of one instant: a `Snapshot` is taken on the loop in one step, and
`render` makes text of it in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec import Struct
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from ccserver.journal.fold import Fold, FoldFigures, QueueFigures
from ccserver.journal.histogram import Histogram, HistogramFigures
from ccserver.journal.log import Journal, JournalStatistics
from ccserver.journal.mailboxes import MailboxFigures
from ccserver.journal.outbound import OutboundFigures
from ccserver.journal.probes import GcPauses
from ccserver.journal.waiting import WaitingFigures
from ccserver.media import protocol as media
from sip.endpoint import EndpointStatistics

METHODS = ("ACK", "BYE", "CANCEL", "INFO", "INVITE", "OPTIONS", "REGISTER", "UPDATE", "other")
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx", "6xx")
LAG_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class StoreFigures(Struct, frozen=True):
    """How far the store is behind the journal; ``events`` None: nothing was heard of it yet.

    ``failures``: tries of its process that failed.
    """

    events: int | None
    seconds: float
    failures: int


class AuditFigures(Struct, frozen=True):
    """``ago``: seconds since the auditor looked; None: it has not yet.

    ``found``: since it began.
    """

    ago: float | None
    found: int


class Sources(Struct, frozen=True):
    """Where figures come from that are no events.  All are called on the loop at each scrape."""

    endpoint: Callable[[], EndpointStatistics]
    media: Callable[[], media.Statistics | None]
    """The latest that the media process told; None before the first."""
    registrations: Callable[[], int]
    mailboxes: Callable[[], Mapping[str, MailboxFigures]]
    store: Callable[[], StoreFigures]
    audit: Callable[[], AuditFigures]


class Snapshot(Struct, frozen=True):
    """Everything a scrape shows, at one instant."""

    fold: FoldFigures
    endpoint: EndpointStatistics
    media: media.Statistics | None
    registrations: int
    mailboxes: Mapping[str, MailboxFigures]
    journal: JournalStatistics
    store: StoreFigures
    audit: AuditFigures
    loop_lag: HistogramFigures
    gc_pauses: HistogramFigures


class Metrics:
    """Takes the snapshots.  ``loop_lag`` is for whoever measures the loop to observe."""

    def __init__(self, fold: Fold, journal: Journal, sources: Sources, gc_pauses: GcPauses) -> None:
        self._fold, self._journal, self._sources = fold, journal, sources
        self._gc_pauses = gc_pauses
        self.loop_lag = Histogram(LAG_BOUNDS)

    def snapshot(self) -> Snapshot:
        sources = self._sources
        return Snapshot(
            self._fold.figures(),
            sources.endpoint(),
            sources.media(),
            sources.registrations(),
            sources.mailboxes(),
            self._journal.statistics(),
            sources.store(),
            sources.audit(),
            self.loop_lag.figures(),
            self._gc_pauses.seconds.figures(),
        )


def render(snapshot: Snapshot, accept: str = "") -> tuple[bytes, str]:
    """The body of a scrape and its content type: OpenMetrics, if ``accept`` asks for it."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(snapshot))
    ProcessCollector(registry=registry)
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Families(Collector):
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        yield from families(self._snapshot)


def families(snapshot: Snapshot) -> Iterator[Metric]:
    """Every metric of ours."""
    yield from _contacts(snapshot.fold)
    yield from _waits(snapshot.fold.waiting)
    yield from _outbound(snapshot.fold.outbound)
    yield from _agents(snapshot.fold)
    yield from _sip(snapshot.endpoint, snapshot.registrations)
    yield from _media(snapshot.media)
    yield from _process(snapshot)
    yield from _journal(snapshot.journal)
    yield from _store(snapshot.store)
    yield from _audit(snapshot.audit)


def _contacts(fold: FoldFigures) -> Iterator[Metric]:
    queues = fold.queues

    def counter(name: str, text: str, of: Callable[[QueueFigures], int]) -> Metric:
        return _counter(name, text, ("queue",), (((q,), of(f)) for q, f in queues.items()))

    def gauge(name: str, text: str, of: Callable[[QueueFigures], float]) -> Metric:
        return _gauge(name, text, ("queue",), (((q,), of(f)) for q, f in queues.items()))

    yield counter(
        "ccserver_contacts_offered",
        "Contacts that joined a queue; queue='': that ended before they reached one.",
        lambda f: f.offered,
    )
    yield counter(
        "ccserver_contacts_handled", "Contacts that talked with an agent.", lambda f: f.handled
    )
    yield _counter(
        "ccserver_contacts_abandoned",
        "Contacts whose customer hung up before an agent spoke, by where he was.",
        ("queue", "during"),
        (
            ((name, during), count)
            for name, figures in queues.items()
            for during, count in figures.abandoned.items()
        ),
    )
    yield counter(
        "ccserver_contacts_overflowed",
        "Contacts the queue did not keep: full, or waited too long.",
        lambda f: f.overflowed,
    )
    yield counter(
        "ccserver_contacts_failed", "Contacts that ended through our fault.", lambda f: f.failed
    )
    yield counter(
        "ccserver_contacts_returned",
        "Conversations that lost their agent; the customer waits again.",
        lambda f: f.returned,
    )
    yield gauge("ccserver_queue_waiting", "Contacts that wait now.", lambda f: f.waiting)
    yield gauge(
        "ccserver_queue_longest_wait_seconds",
        "How long the one that has waited longest has waited; 0 when nobody waits.",
        lambda f: f.longest_wait,
    )
    yield gauge(
        "ccserver_contacts_being_offered",
        "Contacts for which an agent's phone rings now.",
        lambda f: f.being_offered,
    )
    yield gauge(
        "ccserver_contacts_in_service",
        "Contacts that talk with an agent now.",
        lambda f: f.in_service,
    )
    yield _gauge(
        "ccserver_contacts_in_flow",
        "Contacts that have arrived and not reached a queue yet.",
        (),
        [((), fold.in_flow)],
    )
    yield _histogram(
        "ccserver_dispatch_seconds",
        "From the moment a pairing became possible to the INVITE handed to the socket.",
        fold.dispatch,
    )
    yield _histogram(
        "ccserver_answer_seconds",
        "From the first moment in a queue to the first agent's answer.",
        fold.answer,
    )
    yield _histogram("ccserver_talk_seconds", "How long customer and agent talked.", fold.talk)
    states = HistogramMetricFamily(
        "ccserver_call_state_seconds",
        "How long conversations were connected, held, in conference, after the customer left, ...",
        labels=("state",),
    )
    for state, times in fold.states.items():
        states.add_metric((state,), times.cumulated(), times.sum)
    yield states
    yield _counter(
        "ccserver_consults", "Consults that ended, by outcome.", ("outcome",), _by(fold.consults)
    )
    yield _counter(
        "ccserver_transfers",
        "Transfers, by how (blind, consult) and to what kind of destination.",
        ("how", "to"),
        fold.transfers.items(),
    )


def _waits(figures: WaitingFigures) -> Iterator[Metric]:
    yield _counter(
        "ccserver_wait_estimates",
        "Waits that came to an end, by what had been expected of them as they began.",
        ("queue", "outcome"),
        _by_queue(figures.estimates),
    )
    yield _histogram(
        "ccserver_wait_estimate_error_seconds",
        "How far the wait of those who were answered was from its expected middle (P50).",
        figures.error,
    )
    yield _counter(
        "ccserver_contacts_diverted",
        "Contacts that a rule sent elsewhere, at a queue's door or while they waited in it.",
        ("queue", "reason"),
        _by_queue(figures.diverted),
    )
    yield _counter(
        "ccserver_contacts_regained",
        "Callers who hung up while they waited, came back in time, and had their place again.",
        ("queue",),
        (((queue,), count) for queue, count in figures.regained.items()),
    )
    yield _counter(
        "ccserver_outside_assignments",
        "Contacts that somebody outside assigned, or wanted to; outcome: given, or why not.",
        ("queue", "outcome"),
        _by_queue(figures.assigned),
    )


def _by_queue(figures: Mapping[str, Mapping[str, int]]) -> Iterator[tuple[tuple[str, str], int]]:
    return (((queue, key), n) for queue, counts in figures.items() for key, n in counts.items())


def _outbound(figures: OutboundFigures) -> Iterator[Metric]:
    yield _counter("ccserver_outbound_placed", "Calls agents placed.", (), [((), figures.placed)])
    yield _counter(
        "ccserver_outbound_ended",
        "Calls that agents placed and that are over, by outcome.",
        ("outcome",),
        _by(figures.ended),
    )
    yield _counter(
        "ccserver_outbound_unreached",
        "Numbers that were not reached, by reason.",
        ("reason",),
        _by(figures.unreached),
    )
    yield _counter(
        "ccserver_outbound_refused",
        "Calls that an agent was not let place, by reason.",
        ("reason",),
        _by(figures.refused),
    )
    now = {"dialling": figures.dialling, "talking": figures.talking}
    yield _gauge("ccserver_outbound_calls", "Calls agents placed, now.", ("state",), _by(now))
    yield _histogram(
        "ccserver_outbound_talk_seconds", "How long agent and customer talked.", figures.talk
    )


def _agents(fold: FoldFigures) -> Iterator[Metric]:
    yield _gauge("ccserver_agents", "Agents by state.", ("state",), _by(fold.agents))
    yield _histogram("ccserver_wrap_up_seconds", "How long wrap-up took.", fold.wrap_up)
    yield _counter(
        "ccserver_offers_failed",
        "Offers to an agent that came back to the queue, by reason.",
        ("reason",),
        _by(fold.offers_failed),
    )


def _sip(endpoint: EndpointStatistics, registrations: int) -> Iterator[Metric]:
    yield _gauge("ccserver_registrations", "Phones registered now.", (), [((), registrations)])
    yield _counter(
        "ccserver_sip_requests",
        "SIP requests received, without retransmissions, by method.",
        ("method",),
        _by({**dict.fromkeys(METHODS, 0), **endpoint.requests}),
    )
    yield _counter(
        "ccserver_sip_responses",
        "SIP responses sent, without retransmissions, by class.",
        ("class",),
        _by({**dict.fromkeys(CLASSES, 0), **endpoint.responses}),
    )
    yield _counter(
        "ccserver_sip_retransmissions",
        "Retransmissions received and absorbed.",
        (),
        [((), endpoint.retransmissions)],
    )
    yield _counter(
        "ccserver_sip_malformed", "Messages that could not be read.", (), [((), endpoint.malformed)]
    )
    yield _counter(
        "ccserver_sip_refused",
        "Calls refused by admission control before they were read.",
        (),
        [((), endpoint.refused)],
    )
    yield _gauge(
        "ccserver_sip_transactions",
        "Transactions alive now, by side.",
        ("side",),
        _by({"client": endpoint.client_transactions, "server": endpoint.server_transactions}),
    )


def _media(figures: media.Statistics | None) -> Iterator[Metric]:
    if figures is None:
        figures = media.Statistics(0, 0, {}, {"+Inf": 0}, 0.0, 0, 0, 0, 0, 0)
    yield _counter(
        "ccserver_media_packets",
        "RTP packets, by direction.",
        ("direction",),
        _by({"in": figures.packets_in, "out": figures.packets_out}),
    )
    yield _counter(
        "ccserver_media_dropped",
        "RTP packets not passed on, by reason.",
        ("reason",),
        _by(figures.dropped),
    )
    yield _histogram(
        "ccserver_media_tick_lateness_seconds",
        "How late the 20 ms tick of the media process was.",
        _lateness(figures),
    )
    yield _gauge(
        "ccserver_media_sessions", "Media sessions open now.", (), [((), figures.sessions)]
    )
    yield _gauge(
        "ccserver_media_ports",
        "RTP port pairs, by state.",
        ("state",),
        _by(
            {
                "used": figures.ports_used,
                "free": figures.ports_free,
                "resting": figures.ports_resting,
            }
        ),
    )


def _lateness(figures: media.Statistics) -> HistogramFigures:
    bounds = sorted((float(bound), count) for bound, count in figures.tick_lateness.items())
    return HistogramFigures(
        tuple(bound for bound, _ in bounds[:-1]),
        tuple(count for _, count in bounds),
        figures.tick_lateness_sum,
    )


def _process(snapshot: Snapshot) -> Iterator[Metric]:
    mailboxes = snapshot.mailboxes
    yield _histogram(
        "ccserver_loop_lag_seconds",
        "How much later than asked for the event loop woke a task.",
        snapshot.loop_lag,
    )
    yield _histogram(
        "ccserver_gc_pause_seconds", "Passes of the garbage collector.", snapshot.gc_pauses
    )
    yield _gauge(
        "ccserver_actors",
        "Actors alive now, by kind.",
        ("kind",),
        (((kind,), f.actors) for kind, f in mailboxes.items()),
    )
    yield _gauge(
        "ccserver_mailbox_waiting",
        "Messages in mailboxes now, by kind of actor.",
        ("kind",),
        (((kind,), f.waiting) for kind, f in mailboxes.items()),
    )
    yield _counter(
        "ccserver_mailbox_messages",
        "Messages handled, by kind of actor.",
        ("kind",),
        (((kind,), f.handled) for kind, f in mailboxes.items()),
    )
    yield _gauge(
        "ccserver_mailbox_peak",
        "The most messages that were ever in one mailbox, by kind of actor.",
        ("kind",),
        (((kind,), f.peak) for kind, f in mailboxes.items()),
    )
    yield _counter(
        "ccserver_actor_crashes",
        "Actors that crashed, by kind.",
        ("kind",),
        _by({**dict.fromkeys(mailboxes, 0), **snapshot.fold.crashes}),
    )


def _journal(figures: JournalStatistics) -> Iterator[Metric]:
    yield _counter("ccserver_journal_events", "Events appended.", (), [((), figures.appended)])
    yield _counter(
        "ccserver_journal_written", "Events written to disk.", (), [((), figures.written)]
    )
    yield _counter(
        "ccserver_journal_lost",
        "Events that never reached the disk, because it was too slow.",
        (),
        [((), figures.lost)],
    )
    yield _gauge(
        "ccserver_journal_unwritten",
        "Events in memory that the disk does not have yet.",
        (),
        [((), figures.unwritten)],
    )
    yield _counter(
        "ccserver_journal_write_failures",
        "Commits that failed, and were tried again.",
        (),
        [((), figures.write_failures)],
    )
    yield _counter(
        "ccserver_journal_reader_errors",
        "Events that a reader in the process failed on.",
        (),
        [((), figures.reader_errors)],
    )
    yield _histogram(
        "ccserver_journal_commit_seconds",
        "How long the disk took for a group of events.",
        figures.commit_seconds,
    )


def _store(figures: StoreFigures) -> Iterator[Metric]:
    behind = () if figures.events is None else [((), figures.events)]
    late = () if figures.events is None else [((), figures.seconds)]
    yield _gauge(
        "ccserver_store_lag_events", "Events of the journal that the store lacks.", (), behind
    )
    yield _gauge(
        "ccserver_store_lag_seconds",
        "How old the last event is that the store has, if it lacks any.",
        (),
        late,
    )
    yield _counter(
        "ccserver_store_failures",
        "Tries to write the store that failed, since its process began.",
        (),
        [((), figures.failures)],
    )


def _audit(figures: AuditFigures) -> Iterator[Metric]:
    ago = () if figures.ago is None else [((), figures.ago)]
    yield _counter(
        "ccserver_audit_findings",
        "What the auditor has found in the journal that cannot be, since it began.",
        (),
        [((), figures.found)],
    )
    yield _gauge(
        "ccserver_audit_age_seconds", "How long ago the auditor looked at the journal.", (), ago
    )


Values = Iterable[tuple[tuple[str, ...], float]]


def _by(counts: Mapping[str, float]) -> Values:
    return (((label,), count) for label, count in counts.items())


def _counter(name: str, text: str, labels: tuple[str, ...], values: Values) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for label_values, value in values:
        family.add_metric(label_values, value)
    return family


def _gauge(name: str, text: str, labels: tuple[str, ...], values: Values) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for label_values, value in values:
        family.add_metric(label_values, value)
    return family


def _histogram(name: str, text: str, figures: HistogramFigures) -> Metric:
    family = HistogramMetricFamily(name, text)
    family.add_metric((), figures.cumulated(), figures.sum)
    return family
