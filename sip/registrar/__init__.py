"""The registrar: who can be reached where.  RFC 3261 §10.3."""

from sip.registrar.registrar import Registrar
from sip.registrar.words import (
    Binding,
    BindingAdded,
    BindingMoved,
    BindingRefreshed,
    BindingRemoved,
    ConnectionClosed,
    Effect,
    Limits,
    Message,
    PhoneAnswered,
    PhoneSilent,
    Probe,
    RegisterReceived,
    Reply,
    UserRemoved,
)

__all__ = [
    "Binding",
    "BindingAdded",
    "BindingMoved",
    "BindingRefreshed",
    "BindingRemoved",
    "ConnectionClosed",
    "Effect",
    "Limits",
    "Message",
    "PhoneAnswered",
    "PhoneSilent",
    "Probe",
    "RegisterReceived",
    "Registrar",
    "Reply",
    "UserRemoved",
]
