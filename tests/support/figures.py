"""Figures for tests of what is shown of them."""

from __future__ import annotations

from actors.ids import AgentId, QueueName
from ccserver.journal.fold import Fold
from ccserver.journal.log import Journal
from ccserver.journal.mailboxes import Mailboxes
from ccserver.journal.metrics import AuditFigures, Metrics, Sources, StoreFigures
from ccserver.journal.probes import GcPauses
from ccserver.media import protocol as media
from sip.endpoint import EndpointStatistics

QUEUES = (QueueName("support"), QueueName("sales"))
AGENTS = (AgentId("1001"), AgentId("1002"))
ENDPOINT = EndpointStatistics({"INVITE": 3}, {"2xx": 2}, 1, 0, 0, 4, 5)
MEDIA = media.Statistics(
    packets_in=10,
    packets_out=9,
    dropped={"stranger": 1},
    tick_lateness={"0.001": 7, "0.005": 2, "+Inf": 1},
    tick_lateness_sum=0.05,
    sessions=2,
    ports_used=2,
    ports_free=8,
    ports_resting=0,
    events_dropped=0,
)


def make_metrics(
    journal: Journal, now: float = 100.0, media_figures: media.Statistics | None = MEDIA
) -> Metrics:
    mailboxes = Mailboxes()
    sources = Sources(
        endpoint=lambda: ENDPOINT,
        media=lambda: media_figures,
        registrations=lambda: 2,
        mailboxes=lambda: mailboxes.figures({}),
        store=lambda: StoreFigures(3, 0.5, 1),
        audit=lambda: AuditFigures(4.5, 1),
    )
    fold = Fold(QUEUES, AGENTS, lambda: now)
    journal.listen_by_kind(fold.handlers)
    return Metrics(fold, journal, sources, GcPauses())
