"""The file of a run's inputs: what is read back, and what is said of one that cannot be."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import msgspec
import pytest
from msgspec import Struct

from ccserver.inputs import file as files
from ccserver.inputs.file import InputFile, InputsError, Recording, file_of, forget, recordings
from ccserver.inputs.recorder import Recorder
from ccserver.inputs.words import FORMAT, Answered, Said, Start, Turn, value_of, words_of
from ccserver.media.protocol import CreateSession, PlayFinished, Release
from sip.authentication import Verdict
from sip.transport.path import Path as Way

START = Start(FORMAT, "1.0", 7, "boot", 2**49, 2**63, (("udp", "192.0.2.1", 5060),), {}, b"state")
WAY = Way("tcp", 1, ("192.0.2.9", 5060), 3)


def written(data: Path, *pieces: list[Turn | Answered]) -> Path:
    out = InputFile(data, START)
    for seq, records in enumerate(pieces, start=START.seq):
        out.write(seq, records)
    out.close()
    return out.path


def test_what_was_written_is_read_back(tmp_path: Path):
    message = Turn("message", 1.25, 1e9 + 0.1, (b"INVITE \xff", WAY))
    verdict = Answered("verdict", (Verdict.RIGHT, "1001"))
    news = Turn("media", 1.5, 1e9 + 0.3, (PlayFinished("leg", "p1"),))
    recording = Recording(written(tmp_path, [message, verdict], [news]))
    assert recording.start == START
    pieces = list(recording.pieces())
    recording.close()
    assert [piece.seq for piece in pieces] == [7, 8]
    one, two, three = [record for piece in pieces for record in piece.records]
    assert isinstance(one, Turn)
    assert isinstance(two, Answered)
    assert isinstance(three, Turn)
    assert (one.what, one.now, one.at) == ("message", 1.25, 1e9 + 0.1)
    assert words_of(one) == (b"INVITE \xff", WAY)
    assert value_of(two) == (Verdict.RIGHT, "1001")
    assert words_of(three) == (PlayFinished("leg", "p1"),)
    assert recording.cut is None


@pytest.mark.parametrize("lost", [1, 30])
def test_a_file_that_was_cut_is_good_up_to_its_last_whole_piece(tmp_path: Path, lost: int):
    path = written(tmp_path, [Turn("timers", 1.0, 2.0)], [Turn("timers", 3.0, 4.0)])
    path.write_bytes(path.read_bytes()[:-lost])
    recording = Recording(path)
    (piece,) = recording.pieces()
    recording.close()
    assert piece.records == [Turn("timers", 1.0, 2.0, [])]
    assert recording.cut is not None
    assert "cut short" in recording.cut


async def test_what_a_turn_sent_is_kept_as_a_running_checksum(tmp_path: Path, autojump_clock):
    here, there = ("192.0.2.9", 5060), ("192.0.2.9", 5061)

    def marks(*sent: tuple[bytes, tuple[str, int]]) -> list[list[int]]:
        """Of a turn with all but the last, and of one with that."""
        recorder = Recorder(lambda: 5.0)
        recorder.open(tmp_path, START, 1.0)
        recorder.begin("timers", ())
        for each in sent[:-1]:
            recorder.sent(*each)
        recorder.begin("timers", ())
        recorder.begin("timers", ())
        recorder.sent(*sent[-1])
        taken = recorder.take(8)
        recorder.close()
        assert taken is not None
        assert [type(record) for record in taken.records] == [Turn, Said, Turn, Turn, Said]
        return [record.sent for record in taken.records if isinstance(record, Said)]

    as_it_was = marks((b"one", here), (b"two", here), (b"three", here))
    assert [len(each) for each in as_it_was] == [2, 1]
    assert marks((b"one", here), (b"two", here), (b"three", here)) == as_it_was
    elsewhere = marks((b"one", here), (b"two", there), (b"three", here))
    assert elsewhere[0][0] == as_it_was[0][0]
    assert elsewhere[0][1] != as_it_was[0][1]
    assert elsewhere[1] != as_it_was[1], "one that is another makes all that follow others"


async def test_what_a_turn_told_others_is_kept_as_a_checksum_of_its_own(
    tmp_path: Path, autojump_clock
):
    class Unwritable(Struct):
        thing: object

    def told(*words: Struct) -> Said:
        recorder = Recorder(lambda: 5.0)
        recorder.open(tmp_path, START, 1.0)
        recorder.begin("timers", ())
        recorder.sent(b"one", ("192.0.2.9", 5060))
        for word in words:
            recorder.told(word)
        taken = recorder.take(8)
        recorder.close()
        assert taken is not None
        _, said = taken.records
        assert isinstance(said, Said)
        return said

    opened, closed = CreateSession("leg"), Release("leg")
    both = told(opened, closed)
    assert [len(both.sent), len(both.told)] == [1, 2]
    assert told(opened).told == both.told[:1]
    assert told(closed, closed).told[1] != both.told[1]
    assert told(CreateSession("leg", ipv6=True)).told != both.told[:1]
    assert len(told(Unwritable(object())).told) == 1


def test_a_damaged_piece_ends_it(tmp_path: Path):
    path = written(tmp_path, [Turn("timers", 1.0, 2.0)])
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    recording = Recording(path)
    assert list(recording.pieces()) == []
    recording.close()
    assert recording.cut is not None


def test_another_format_and_another_file_are_named(tmp_path: Path):
    later = msgspec.structs.replace(START, format=FORMAT + 1)
    out = InputFile(tmp_path, later)
    out.close()
    path = out.path
    with pytest.raises(
        InputsError, match=rf"expected inputs of format {FORMAT}, found {FORMAT + 1}"
    ):
        Recording(path)
    path.write_bytes(b"#!/bin/sh")
    with pytest.raises(InputsError, match="found another file"):
        Recording(path)


def test_only_the_servers_user_may_read_it(tmp_path: Path):
    path = written(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_runs_that_ended_long_ago_are_forgotten(tmp_path: Path):
    old, new = written(tmp_path), file_of(tmp_path, 99)
    new.write_bytes(old.read_bytes())
    long_ago = time.time() - 8 * 86_400
    os.utime(old, (long_ago, long_ago))
    forget(tmp_path, 9)
    assert recordings(tmp_path) == [old, new]
    forget(tmp_path, 7)
    assert recordings(tmp_path) == [new]


async def test_a_disk_that_refuses_ends_the_recording_and_nothing_else(
    tmp_path: Path, monkeypatch, caplog, autojump_clock
):
    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    recorder = Recorder(lambda: 5.0)
    recorder.open(tmp_path, START, 1.0)
    now, at = recorder.begin("timers", ())
    assert at == 5.0
    taken = recorder.take(8)
    assert taken is not None
    assert (taken.seq, taken.records) == (7, [Turn("timers", now, 5.0)])
    monkeypatch.setattr(files.os, "write", refuse)
    recorder.write(taken)
    assert "from event 7 on nothing can be replayed" in caplog.text
    recorder.begin("timers", ())
    assert recorder.take(9) is None
