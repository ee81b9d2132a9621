"""The four transactions of RFC 3261 §17, as machines."""

from sip.transaction.client_invite import ClientInvite
from sip.transaction.client_non_invite import ClientNonInvite
from sip.transaction.server_invite import ServerInvite
from sip.transaction.server_non_invite import ServerNonInvite
from sip.transaction.values import Timers

__all__ = ["ClientInvite", "ClientNonInvite", "ServerInvite", "ServerNonInvite", "Timers"]
