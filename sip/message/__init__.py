"""SIP messages: bytes to `Request` and `Response`, and back.

Lenient in, strict out.  Nothing here does I/O, keeps state or knows the time.
"""

from __future__ import annotations

from sip.message.address import NameAddr
from sip.message.base import CSeq, Fields, Message
from sip.message.digest import Challenge, Credentials
from sip.message.errors import MalformedMessage
from sip.message.message import Request, Response
from sip.message.parser import parse
from sip.message.partial import PartialRequest
from sip.message.peek import Peek, content_length, peek_request, refuse
from sip.message.uri import Uri
from sip.message.validate import Refusal, check
from sip.message.via import Via

__all__ = [
    "CSeq",
    "Challenge",
    "Credentials",
    "Fields",
    "MalformedMessage",
    "Message",
    "NameAddr",
    "PartialRequest",
    "Peek",
    "Refusal",
    "Request",
    "Response",
    "Uri",
    "Via",
    "check",
    "content_length",
    "parse",
    "peek_request",
    "refuse",
]
