"""What agents do with a conversation: they consult, and hand it over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from actors import events as ev
from actors.ids import AgentId, ContactId
from ccserver.journal.reports.books import Books
from ccserver.journal.reports.figures import count_transfer
from ccserver.journal.reports.visits import Visitor


class Deeds:
    """``contacts``: those who are there."""

    def __init__(self, books: Books, contacts: Mapping[ContactId, Visitor]) -> None:
        self._books, self._contacts = books, contacts
        self.handlers: dict[type, Callable[[int, Any], None]] = {
            ev.ConsultRequested: self._consult_requested,
            ev.ConsultAnswered: self._consult_answered,
            ev.ContactTransferred: self._transferred,
            ev.ContactTransferFailed: self._transfer_failed,
        }

    def _consult_requested(self, at: int, event: ev.ConsultRequested) -> None:
        contact = self._contacts.get(event.contact.id)
        to_queue = event.to.startswith("queue:")
        agent = self._books.agent(AgentId(event.by))
        agent.consults += 1
        agent.consults_to_queue += to_queue
        if contact is None:
            return
        contact.row.consults += 1
        if not contact.visit.counts:
            agent.consults_outbound += 1
        else:
            figures = self._books.queue(contact.visit.name)
            figures.consults += 1
            figures.consults_to_queue += to_queue

    def _consult_answered(self, at: int, event: ev.ConsultAnswered) -> None:
        contact = self._contacts.get(event.contact.id)
        self._books.agent(AgentId(event.by)).consults_answered += 1
        if contact is not None and contact.visit.counts:
            self._books.queue(contact.visit.name).consults_answered += 1

    def _transferred(self, at: int, event: ev.ContactTransferred) -> None:
        contact = self._contacts.get(event.contact.id)
        count_transfer(self._books.agent(AgentId(event.by)), event.how, event.to)
        if contact is None:
            return
        count_transfer(contact.row, event.how, event.to)
        if contact.visit.counts:
            count_transfer(self._books.queue(contact.visit.name), event.how, event.to)

    def _transfer_failed(self, at: int, event: ev.ContactTransferFailed) -> None:
        contact = self._contacts.get(event.contact.id)
        if contact is not None:
            contact.transfer_failed = True
