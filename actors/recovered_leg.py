"""A leg of an earlier run of the server: its dialog and its media session have lived on.

Who talked is asked whether he still does; a phone that rang is taken back its call; a call that
was coming in is refused.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from actors import effects as do
from actors import messages as m
from actors.ids import ContactId, LegId
from actors.leg import SILENT, Dialling, Invited, Leg, Message, Up
from sip import invite_usage as usage
from sip import offer_answer
from sip.dialog import Dialog
from sip.machine import StartTimer, TimerFired
from sip.message import Request
from sip.transport.path import Path
from sip.usage_messages import RequestReceived, ServerKey

PROBE = "probe"
RESTARTED = 'SIP;cause=503;text="Server restarted"'


class Stood(Struct, frozen=True):
    """The dialog stood.  ``local``: where its media session is to be reached; None: it is not
    known.  ``silent``: the phone has sent nothing for as long as may be.  ``probe_after``: seconds,
    so that not all phones are asked at once.
    """

    usage: usage.InviteUsage
    sdp_version: int
    local: offer_answer.Local | None
    silent: bool = False
    probe_after: float = 1.0


class Rang(Struct, frozen=True):
    """Our INVITE, by this branch, has had no final answer that we know of."""

    usage: usage.InviteUsage
    invite: Request
    branch: str


class WasInvited(Struct, frozen=True):
    """Their INVITE may have been answered."""

    usage: usage.InviteUsage
    invite: Request
    key: ServerKey
    jump: int
    """By how much the CSeq goes on."""


Left: TypeAlias = Stood | Rang | WasInvited


class RecoveredLeg(Leg):
    """``Resume`` must be its first message.  ``trunk``: of which it has a line."""

    def __init__(
        self,
        leg: LegId,
        contact: ContactId,
        path: Path,
        left: Left,
        *,
        dialog_key: tuple[str, str],
        sdp_session: int = 0,
        trunk: str | None = None,
    ) -> None:
        super().__init__(
            leg,
            contact,
            path,
            dialog_key=dialog_key,
            sdp_session=sdp_session,
            usage_of=lambda _: left.usage,
            trunk=trunk,
        )
        self.trunk, self._left, self._usage = trunk, left, left.usage
        match left:
            case Stood():
                self.state, self._local, self._sdp_version = Up(), left.local, left.sdp_version
            case Rang():
                self.state = Dialling(b"")
            case WasInvited():
                self.state = Invited()

    def attach(self) -> do.AttachDialog:
        """Before the first message may arrive: one in an unknown dialog ends the call."""
        return do.AttachDialog(self.id, *self._dialog_key)

    def handle(self, message: Message | m.Resume) -> list[do.Effect]:
        if isinstance(message, RequestReceived) and message.path.reliable:
            self._path = message.path  # by a connection of its own: there it can be reached
        if message == TimerFired(PROBE):
            return self._drive(usage.Probe()) if isinstance(self.state, Up) else []
        if not isinstance(message, m.Resume):
            return super().handle(message)
        match self._left:
            case Stood(probe_after=seconds):  # its contact may have hung it up by then
                return [StartTimer(PROBE, seconds)]
            case Rang(_, invite, branch):
                taken_over = do.ResumeInvite(self.id, "invite", branch, invite, self._path)
                return [taken_over, *self._leave(m.HangUp(reason=RESTARTED), "local")]
            case WasInvited() as invited:
                return self._refuse(invited)

    def _refuse(self, invited: WasInvited) -> list[do.Effect]:
        """Answered or not, nobody knows: refused, and hung up in the dialog it may have become."""
        invite, key = invited.invite, invited.key
        begun = Dialog.of_uas(invite, key.tag, "").snapshot()
        dialog = Dialog.recovered(begun, "", invited.jump)
        bye = dialog.request("BYE", headers=[("Reason", RESTARTED)])
        return [
            do.ResumeServer(key, invite, self._path),
            do.SendRequest(self.id, "farewell", bye, self._path),
            *self._leave(m.HangUp(503, RESTARTED), "restart"),
        ]

    def _understand(self, news: usage.News) -> list[do.Effect]:
        match self._left, news:
            case Stood(silent=True), usage.Unheard() if isinstance(self.state, Up):
                return self._leave(m.HangUp(reason=SILENT), "silent")
            case _:
                return super()._understand(news)
