"""The one error that bytes from the network can cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sip.message.partial import PartialRequest


class MalformedMessage(ValueError):
    """What came is not SIP as we accept it.

    Raised by `parse`, and by a property of a message when the header behind it is read for
    the first time.  `status` is the answer the sender deserves, `reason` says what was
    expected, `header` names the header at fault if there is one, and `request` is what
    could be saved of the request, for the answer.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        header: str | None = None,
        request: PartialRequest | None = None,
    ) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.header = header
        self.request = request

    def __str__(self) -> str:
        where = f"{self.header}: " if self.header else ""
        return f"{self.status} {where}{self.reason}"

    def answer(self, source: tuple[str, int] | None = None) -> bytes | None:
        """The error response, encoded; None for a response, an ACK, or if too little was read.

        `source` is (host, port) where the request came from; with it the top Via is stamped
        as of RFC 3261 §18.2.1 and RFC 3581.
        """
        if self.request is None:
            return None
        return self.request.answer(self.status, source=source)
