"""Reports: what happened in a span of time, by interval, queue, agent and contact."""

from ccserver.journal.reports.books import IntervalFigures as IntervalFigures
from ccserver.journal.reports.figures import Abandons as Abandons
from ccserver.journal.reports.figures import AgentFigures as AgentFigures
from ccserver.journal.reports.figures import ContactFigures as ContactFigures
from ccserver.journal.reports.figures import QueueFigures as QueueFigures
from ccserver.journal.reports.figures import Rules as Rules
from ccserver.journal.reports.intervals import Intervals as Intervals
from ccserver.journal.reports.intervals import Minutes as Minutes
from ccserver.journal.reports.report import Report as Report
from ccserver.journal.reports.report import together as together
