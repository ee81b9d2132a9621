"""The door of the core: commands, questions and the journal feed, over a Unix socket."""

from ccserver.core.door.commands import Commands
from ccserver.core.door.progress import AuditStanding, StoreProgress
from ccserver.core.door.queries import Queries
from ccserver.core.door.server import Door
from ccserver.core.door.waiting import WhoWaits

__all__ = ["AuditStanding", "Commands", "Door", "Queries", "StoreProgress", "WhoWaits"]
