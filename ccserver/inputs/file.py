"""The file of one run's inputs: ``data.dir/inputs/000000004711.inputs``.

The number is that of the journal's last event before the run.  Behind a line that names the kind of
file come pieces, each with its length, a checksum and the number of the last event before it: a
file that was cut short is good up to its last whole piece.  All pieces are one stream of deflate
(RFC 1951), flushed behind each: what phones say is much the same each time.
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from ccserver.inputs.words import FORMAT, Record, Start

DIRECTORY = "inputs"
SUFFIX = ".inputs"
_MAGIC = b"ccserver inputs\n"
_PIECE = struct.Struct("<IIQ")
_LEVEL = 1
"""Of zlib: a higher one costs more than it saves."""
_RAW = -zlib.MAX_WBITS
_DAY = 86_400.0

_encoder = msgspec.msgpack.Encoder()
_start_decoder = msgspec.msgpack.Decoder(Start)
_decoder = msgspec.msgpack.Decoder(list[Record])


class InputsError(Exception):
    """The text names the file, and says what was expected of it and what was found."""


class InputFile:
    """Written by one run, from one thread at a time.  Raises OSError."""

    def __init__(self, data: Path, start: Start) -> None:
        self._packer = zlib.compressobj(_LEVEL, wbits=_RAW)
        self.path = file_of(data, start.seq)
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        os.write(self._file, _MAGIC)
        self._write(start.seq, _encoder.encode(start))

    def write(self, seq: int, records: Sequence[Record]) -> None:
        """``seq``: the journal's last event before the first of them."""
        self._write(seq, _encoder.encode(records))

    def _write(self, seq: int, content: bytes) -> None:
        packed = self._packer.compress(content) + self._packer.flush(zlib.Z_SYNC_FLUSH)
        piece = _PIECE.pack(len(packed), zlib.crc32(packed), seq) + packed
        while piece:  # a disk that fills up takes part of it
            piece = piece[os.write(self._file, piece) :]

    def close(self) -> None:
        os.close(self._file)


class Piece(Struct, frozen=True):
    seq: int
    records: list[Record]


class Recording:
    """One run's inputs, read back.  Raises InputsError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cut: str | None = None
        """Why there is nothing behind what was read last; None: it is whole."""
        self._unpacker = zlib.decompressobj(wbits=_RAW)
        self._file = open(path, "rb")  # noqa: SIM115  (closed by `close`)
        try:
            self.start = self._begun()
        except BaseException:
            self.close()
            raise

    def _begun(self) -> Start:
        path = self.path
        if self._file.read(len(_MAGIC)) != _MAGIC:
            raise InputsError(f"{path}: expected the inputs of a server, found another file")
        first = self._next()
        if first is None:
            raise InputsError(f"{path}: how the run began is missing")
        try:
            found = msgspec.msgpack.decode(first[1]).get("format")
            if found == FORMAT:
                return _start_decoder.decode(first[1])
        except (msgspec.DecodeError, AttributeError) as error:
            raise InputsError(f"{path}: how the run began cannot be read: {error}") from error
        raise InputsError(
            f"{path}: expected inputs of format {FORMAT}, found {found}:"
            " written by another version of the server"
        )

    def pieces(self) -> Iterator[Piece]:
        """Up to the end, or to where it was cut: then ``cut`` says why."""
        while (found := self._next()) is not None:
            seq, content = found
            try:
                records = _decoder.decode(content)
            except msgspec.DecodeError as error:
                self.cut = f"behind event {seq} it cannot be read: {error}"
                return
            yield Piece(seq, records)

    def _next(self) -> tuple[int, bytes] | None:
        at = self._file.tell()
        head = self._file.read(_PIECE.size)
        if not head:
            return None
        if len(head) == _PIECE.size:
            length, checksum, seq = _PIECE.unpack(head)
            packed = self._file.read(length)
            if len(packed) == length and zlib.crc32(packed) == checksum:
                return seq, self._unpacker.decompress(packed)
        self.cut = f"it is cut short, or damaged, at byte {at}"
        return None

    def close(self) -> None:
        self._file.close()


def file_of(data: Path, seq: int) -> Path:
    """That of the run which began behind this event, whether it is there or not."""
    return data / DIRECTORY / f"{seq:012}{SUFFIX}"


def recordings(data: Path) -> list[Path]:
    """Of every run of this ``data.dir`` that is kept, in their order."""
    return sorted((data / DIRECTORY).glob(f"*{SUFFIX}"))


def forget(data: Path, days: float) -> None:
    """Runs whose last input is older.  Raises OSError."""
    oldest = time.time() - days * _DAY
    for path in recordings(data):
        if path.stat().st_mtime < oldest:
            path.unlink()
