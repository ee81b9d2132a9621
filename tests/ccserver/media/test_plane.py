from __future__ import annotations

import numpy as np
import pytest

from ccserver.media.plane import NOBODY, Plane, Sums

LENGTH = 160
LOUD = 10_000


def sine(frame: int, hertz: float = 500.0, *, amplitude: float = LOUD) -> np.ndarray:
    times = np.arange(frame * LENGTH, (frame + 1) * LENGTH) / 8000
    return (amplitude * np.sin(2 * np.pi * hertz * times)).astype(np.int32)


def heard(plane: Plane, row: int, frames: list[np.ndarray | None]) -> np.ndarray:
    """The row's samples, frame after frame; None: one that did not come."""
    line = []
    for frame in frames:
        plane.turn()
        if frame is None:
            plane.make_up(row)
        else:
            plane.now[row] = frame
            if plane.is_broken(row):
                plane.join(row)
        line.append(plane.now[row].copy())
    return np.concatenate(line)


def click(samples: np.ndarray) -> float:
    """The greatest step between two samples, compared with those of the tone itself."""
    return float(np.abs(np.diff(samples)).max() / np.abs(np.diff(sine(0))).max())


def test_a_row_begins_without_a_click():
    plane = Plane(LENGTH)
    row = plane.open()

    line = heard(plane, row, [np.full(LENGTH, LOUD), np.full(LENGTH, LOUD)])

    assert line[0] == 0
    assert np.abs(np.diff(line)).max() <= LOUD / 40 + 1
    assert (line[40:] == LOUD).all()


def test_a_row_can_go_on_from_what_was_heard_elsewhere():
    plane = Plane(LENGTH)
    row = plane.open(sine(0).astype(np.int16))

    line = heard(plane, row, [None, sine(1), sine(2)])

    assert np.abs(line[:40]).max() > LOUD / 2
    assert click(np.concatenate((sine(0), line))) < 1.5


@pytest.mark.parametrize("lost", [1, 2, 3, 4, 5, 9])
def test_what_is_lost_is_made_up_without_a_click(lost: int):
    plane = Plane(LENGTH)
    row = plane.open()
    frames = [sine(0), sine(1), *[None] * lost, sine(2 + lost), sine(3 + lost)]

    line = heard(plane, row, frames)

    assert click(line) < 1.5
    assert np.array_equal(line[-LENGTH:], sine(3 + lost))


def test_what_is_made_up_fades_to_silence():
    plane = Plane(LENGTH)
    row = plane.open()

    line = heard(plane, row, [sine(0), *[None] * 6]).reshape(-1, LENGTH)

    loudness = [int(np.abs(frame).max()) for frame in line]
    assert loudness[1] > 0.8 * LOUD
    assert loudness == sorted(loudness, reverse=True)
    assert loudness[5:] == [0, 0]


def test_a_row_that_was_closed_begins_with_silence_for_whoever_has_it_next():
    plane = Plane(LENGTH)
    row = plane.open()
    heard(plane, row, [sine(0), sine(1)])

    plane.close(row)

    assert plane.open() == row
    assert not heard(plane, row, [None]).any()


def test_there_is_room_for_everybody():
    plane = Plane(LENGTH)

    rows = [plane.open() for _ in range(100)]

    assert len(set(rows)) == 100
    assert NOBODY not in rows
    assert plane.height >= 101


def test_a_change_from_one_sound_to_another_makes_no_click():
    plane = Plane(LENGTH)

    line = plane.cross_fade(np.full(LENGTH, LOUD), np.full(LENGTH, -LOUD))

    assert np.abs(np.diff(line)).max() <= 2 * LOUD / 40 + 1
    assert (line[0], line[-1]) == (LOUD, -LOUD)


def test_those_of_a_conference_share_its_sum_and_do_not_hear_themselves():
    plane = Plane(LENGTH)
    anna, bert, carl = rows = [plane.open() for _ in range(3)]
    for number, row in enumerate(rows):
        plane.now[row] = 10**number
    matrix = [([bert, carl], anna), ([anna, carl], bert), ([anna, bert], carl), (rows, NOBODY)]

    sums = Sums(matrix)

    assert sums.of(plane)[:, 0].tolist() == [110, 101, 11, 111]
    assert sums.groups == 1


def test_a_sum_may_be_louder_than_16_bits():
    plane = Plane(LENGTH)
    rows = [plane.open() for _ in range(8)]
    plane.now[rows] = -32768

    assert Sums([(rows, NOBODY)]).of(plane)[0, 0] == -8 * 32768


def test_nobody_hears_nothing():
    plane = Plane(LENGTH)

    assert Sums([]).of(plane).shape == (0, LENGTH)
    assert not Sums([([], NOBODY)]).of(plane).any()
