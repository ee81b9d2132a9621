"""The message layer: bytes to requests and responses, and back.  RFC 3261 §7, §20, §25."""

from sip.message.address import NameAddr
from sip.message.digest import Credentials
from sip.message.errors import MalformedMessage
from sip.message.message import CSeq, Message, Request, Response, parse
from sip.message.uri import Uri
from sip.message.via import Via

__all__ = [
    "CSeq",
    "Credentials",
    "MalformedMessage",
    "Message",
    "NameAddr",
    "Request",
    "Response",
    "Uri",
    "Via",
    "parse",
]
