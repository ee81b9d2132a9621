"""Sentences of a place in line and of a wait, and the recordings they are made of."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import speech
from actors.estimate import Estimate
from ccserver.media.wav import parse

PROMPTS = Path(__file__).parents[2] / "config" / "prompts"


@pytest.mark.parametrize(
    ("value", "pieces"),
    [
        (0, "0"),
        (7, "7"),
        (20, "20"),
        (21, "20 1"),
        (90, "90"),
        (100, "1 hundred"),
        (342, "3 hundred 40 2"),
        (905, "9 hundred 5"),
        (999, "9 hundred 90 9"),
    ],
)
def test_a_number_is_said_in_its_pieces(value, pieces) -> None:
    assert speech.number(value) == tuple(pieces.split())


@given(st.integers(0, speech.MOST))
def test_every_number_is_said_and_heard_again(value) -> None:
    heard = 0
    for piece in speech.number(value):
        heard = heard * 100 if piece == "hundred" else heard + int(piece)
    assert heard == value
    assert set(speech.number(value)) <= set(speech.PIECES)


@pytest.mark.parametrize("value", [-1, 1000])
def test_what_cannot_be_said_raises(value) -> None:
    with pytest.raises(ValueError, match="expected a number from 0 to 999"):
        speech.number(value)


def test_a_place_in_line() -> None:
    assert speech.position(1) == ("next",)
    assert speech.position(2) == ("number", "2", "in-line")
    assert speech.position(1000) == ()
    assert speech.beyond(10) == ("more-than", "10", "before-you")


@pytest.mark.parametrize(
    ("p50", "p90", "step", "minutes"),
    [(5, 60, 1, (0, 0)), (30, 61, 1, (0, 2)), (150, 290, 1, (3, 5)), (181, 301, 5, (5, 10))],
)
def test_a_wait_is_rounded_up_to_minutes(p50, p90, step, minutes) -> None:
    assert speech.minutes_of(Estimate(p50, p90), step) == minutes


@pytest.mark.parametrize(
    ("low", "high", "pieces"),
    [
        (0, 0, "wait-below"),
        (0, 1, "wait-about 1 minute"),
        (0, 3, "wait-between 1 and 3 minutes"),
        (3, 5, "wait-between 3 and 5 minutes"),
        (4, 4, "wait-about 4 minutes"),
        (15, 90, "wait-above 15 minutes"),
        (31, 90, "wait-above 30 minutes"),
        (0, 90, "wait-above 1 minute"),
    ],
)
def test_a_wait_in_words(low, high, pieces) -> None:
    assert speech.wait(low, high, limit=30) == tuple(pieces.split())


@given(st.integers(0, 2000), st.integers(0, 2000), st.integers(1, speech.MOST))
def test_no_minutes_are_said_that_there_is_no_recording_of(low, more, limit) -> None:
    assert set(speech.wait(low, low + more, limit)) <= set(speech.PIECES)


def test_every_piece_is_recorded() -> None:
    for piece in speech.PIECES:
        sound = parse((PROMPTS / "en" / f"{piece}.wav").read_bytes())
        assert 0.1 < len(sound) / 8000 < 4, piece


def test_the_script_says_what_the_code_means() -> None:
    script = (PROMPTS / "make").read_text()
    for piece, words in speech.PHRASES.items():
        assert f'piece {piece} "{words}"' in script
