"""What is left of a request that will be refused: just enough to answer it."""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

from msgspec import Struct

from sip.message.errors import MalformedMessage
from sip.message.grammar import BLANK, ascii_lower, is_token, split_list
from sip.message.headers import SPELLINGS, canonical_name
from sip.message.status import reason_phrase
from sip.message.via import Via

_MAX_HEAD = 65536
_MAX_LINES = 256


class PartialRequest(Struct, frozen=True, gc=False):
    """The raw headers a response copies (RFC 3261 §8.2.6.2)."""

    method: str
    vias: list[str]
    from_: str
    to: str
    call_id: str
    cseq: str

    @classmethod
    def read(cls, data: bytes) -> PartialRequest | None:
        """Save what can be: None if it is no request or one of the headers is missing.

        Stops at the end of the head or at 64 kB, understands folding and compact forms, and
        never raises.
        """
        end = data.find(b"\r\n\r\n", 0, _MAX_HEAD)
        head = data[: end if end >= 0 else _MAX_HEAD].decode("utf-8", "surrogateescape")
        lines = head.split("\r\n", _MAX_LINES)
        method, _, rest = lines[0].partition(" ")
        if not rest or len(method) > 64 or not is_token(method):
            return None
        if "\r\n " in head or "\r\n\t" in head:
            lines = unfolded(lines)
        vias: list[str] = []
        rows: dict[str, str] = {}
        for line in lines[1:_MAX_LINES]:
            name, colon, value = line.partition(":")
            known = SPELLINGS.get(name)
            if known is None:
                known = _canonical_or_none(name)
            if known == "Via" and colon:
                vias.append(value.strip(BLANK))
            elif known in _COPIED and colon and known not in rows:
                rows[known] = value.strip(BLANK)
        if not (vias and vias[0]) or len(rows) != len(_COPIED) or not all(rows.values()):
            return None
        copied = "".join((*vias, *rows.values()))
        if "\r" in copied or "\n" in copied or "\0" in copied:
            return None
        return cls(method, vias, rows["From"], rows["To"], rows["Call-ID"], rows["CSeq"])

    def answer(
        self,
        status: int,
        reason: str | None = None,
        *,
        headers: Iterable[tuple[str, str]] = (),
        source: tuple[str, int] | None = None,
    ) -> bytes | None:
        """The response, encoded; None for an ACK, which is never answered.

        The To tag is a function of the request, so that a retransmission gets the same one
        although nothing is remembered (§8.2.7).
        """
        if self.method == "ACK":
            return None
        to = self.to
        if status > 100 and not has_tag(to):
            to = f"{to};tag={self._tag()}"
        lines = [f"SIP/2.0 {status} {reason_phrase(status) if reason is None else reason}"]
        vias = self.vias if source is None else self._stamped_vias(source)
        lines += [f"Via: {via}" for via in vias]
        lines += (
            f"From: {self.from_}",
            f"To: {to}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {self.cseq}",
        )
        lines += [f"{name}: {value}" for name, value in headers]
        lines.append("Content-Length: 0\r\n\r\n")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape")

    def _tag(self) -> str:
        text = f"{self.vias[0]} {self.call_id} {self.cseq}"
        return f"{crc32(text.encode('utf-8', 'surrogateescape')):08x}"

    def _stamped_vias(self, source: tuple[str, int]) -> list[str]:
        try:
            rows = split_list(self.vias[0])
            rows[0] = str(Via.parse(rows[0]).stamped(*source))
        except (MalformedMessage, IndexError):
            return self.vias
        return rows + self.vias[1:]


_COPIED = frozenset(("From", "To", "Call-ID", "CSeq"))


def _canonical_or_none(name: str) -> str | None:
    try:
        return canonical_name(name)
    except MalformedMessage:
        return None


def unfolded(lines: list[str]) -> list[str]:
    """Join continuation lines to the header they belong to (RFC 3261 §7.3.1)."""
    whole: list[list[str]] = []
    for line in lines:
        if line[:1] not in (" ", "\t") or not line:
            whole.append([line])
        elif whole:
            whole[-1].append(line.strip(BLANK))
    return [parts[0] if len(parts) == 1 else " ".join(parts) for parts in whole]


def has_tag(address: str) -> bool:
    """Whether a raw From or To has a tag parameter."""
    tail = address[address.rfind(">") + 1 :]
    if ";" not in tail:
        return False
    if ";tag=" in tail:
        return True
    names = (item.partition("=")[0].strip(BLANK) for item in tail.split(";")[1:])
    return any(ascii_lower(name) == "tag" for name in names)
