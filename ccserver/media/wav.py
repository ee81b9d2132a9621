"""Prompts: WAV files of 8 kHz mono in PCM16, A-law or µ-law, read by an own chunk reader.

A prompt is kept in both laws, so that playing costs no more than cutting bytes.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path
from stat import S_ISREG
from struct import Struct as Layout

from msgspec import Struct

from ccserver.media import g711

SAMPLE_RATE = 8000
LONGEST = 600
"""Seconds."""

_MAXIMUM_BYTES = LONGEST * SAMPLE_RATE * 2 + 65_536
_MAXIMUM_CACHE = 128 * 2**20
_PCM, _A_LAW, _MU_LAW = 1, 6, 7
_BITS = {_PCM: 16, _A_LAW: 8, _MU_LAW: 8}
_CHUNK = Layout("<4sI")
_FORMAT = Layout("<HHIIHH")


class BadPrompt(ValueError):
    """A file that cannot be played: the text names it and says what was expected."""


class Sound(Struct, frozen=True, gc=False):
    """Samples, one byte each, in both laws."""

    pcmu: bytes
    pcma: bytes

    def __len__(self) -> int:
        return len(self.pcmu)

    def of(self, codec: str) -> bytes:
        return self.pcmu if codec == "PCMU" else self.pcma


def parse(data: bytes) -> Sound:
    """Raises BadPrompt."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise BadPrompt("expected a RIFF WAVE file")
    if not 4 <= _CHUNK.unpack_from(data)[1] <= len(data) - 8:
        raise BadPrompt("a RIFF size that is not the file's")
    encoding: int | None = None
    position = 12
    while position + 8 <= len(data):
        name, size = _CHUNK.unpack_from(data, position)
        start = position + 8
        if start + size > len(data):
            raise BadPrompt("a chunk longer than the file")
        if name == b"fmt ":
            encoding = _encoding(data[start : start + size])
        elif name == b"data":
            if encoding is None:
                raise BadPrompt("expected the format before the data")
            return _sound(encoding, data[start : start + size])
        position = start + size + size % 2
    raise BadPrompt("expected a data chunk")


def _encoding(chunk: bytes) -> int:
    if len(chunk) < _FORMAT.size:
        raise BadPrompt("a format chunk that is cut off")
    encoding, channels, rate, _, _, bits = _FORMAT.unpack_from(chunk)
    if _BITS.get(encoding) != bits or channels != 1 or rate != SAMPLE_RATE:
        raise BadPrompt("expected 8 kHz mono in PCM16, A-law or mu-law")
    return int(encoding)


def _sound(encoding: int, data: bytes) -> Sound:
    samples = len(data) // (_BITS[encoding] // 8)
    if not 0 < samples <= LONGEST * SAMPLE_RATE:
        raise BadPrompt(f"expected from 1 sample to {LONGEST} seconds")
    if encoding == _MU_LAW:
        return Sound(data, g711.translate(data, "PCMU", "PCMA"))
    if encoding == _A_LAW:
        return Sound(g711.translate(data, "PCMA", "PCMU"), data)
    return Sound(g711.encode("PCMU", data), g711.encode("PCMA", data))


class Library:
    """The prompts below one directory.  What was read is kept while the file does not change."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory.resolve()
        self._known: OrderedDict[str, tuple[tuple[int, int, int], Sound]] = OrderedDict()
        self._bytes = 0

    def load(self, name: str) -> Sound:
        """Raises BadPrompt; also for a name that leads, by dots or by a link, elsewhere."""
        try:
            status = os.lstat(f"{self._directory}/{name}")
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            known = self._known.get(name)
            if known is not None and known[0] == stamp:
                self._known.move_to_end(name)
                return known[1]
            path = self._directory / name
            inside = path.is_relative_to(self._directory) and path.resolve(strict=True) == path
            if not inside or not S_ISREG(status.st_mode):
                raise BadPrompt("expected a plain file in the prompts directory")
            if status.st_size > _MAXIMUM_BYTES:
                raise BadPrompt(f"expected at most {LONGEST} seconds")
            sound = parse(path.read_bytes())
        except BadPrompt as error:
            raise BadPrompt(f"{name[:100]!r}: {error}") from None
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise BadPrompt(f"{name[:100]!r}: {reason}") from None
        self._keep(name, stamp, sound)
        return sound

    def preload(self) -> int:
        """Read what is there, so that no call waits for the disk; how many could be read."""
        count = 0
        for path in sorted(self._directory.rglob("*.wav")):
            try:
                self.load(str(path.relative_to(self._directory)))
            except BadPrompt:
                continue  # whoever plays it is told
            count += 1
        return count

    def _keep(self, name: str, stamp: tuple[int, int, int], sound: Sound) -> None:
        old = self._known.pop(name, None)
        if old is not None:
            self._bytes -= 2 * len(old[1])
        self._known[name] = (stamp, sound)
        self._bytes += 2 * len(sound)
        while self._bytes > _MAXIMUM_CACHE and len(self._known) > 1:
            _, (_, dropped) = self._known.popitem(last=False)
            self._bytes -= 2 * len(dropped)
