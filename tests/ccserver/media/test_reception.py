from __future__ import annotations

import pytest

from ccserver.media.reception import Reception


def test_a_steady_stream_has_neither_loss_nor_jitter():
    reception = hear(range(100))

    assert (reception.received, reception.lost) == (100, 0)
    assert reception.jitter_ms == pytest.approx(0.0, abs=1e-6)


def test_gaps_are_lost_and_overtaken_packets_are_not():
    reception = hear([0, 1, 2, 5, 4, 6, 9])

    assert reception.lost == 3
    assert reception.interval().fraction_lost == 3 * 256 // 10


def test_the_fraction_counts_from_the_last_interval():
    reception = hear([0, 1, 2, 5])
    reception.interval()
    hear([6, 7, 8, 9], reception)

    assert reception.interval().fraction_lost == 0
    assert reception.interval().lost == 2


def test_the_extended_sequence_number_goes_on_where_it_wraps():
    reception = hear([65534, 65535, 0, 1])

    assert reception.lost == 0
    assert reception.interval().highest == 65537


def test_a_source_that_begins_anew_loses_nothing_between():
    reception = hear([0, 1, 3])

    assert reception.hear(1, 30_000, 0, 1.0)
    assert reception.hear(2, 5, 0, 1.0)
    assert reception.lost == 1


def test_jitter_is_a_sixteenth_of_each_change():
    reception = Reception()
    reception.hear(1, 0, 0, 0.0)
    reception.hear(1, 1, 160, 0.036)

    assert reception.jitter_ms == pytest.approx(1.0)


def test_the_packets_of_a_key_say_nothing_about_jitter():
    reception = hear(range(10))
    for number in range(10, 20):
        reception.hear(1, number, 1600, number * 0.02, timed=False)

    assert reception.jitter_ms == pytest.approx(0.0, abs=1e-6)
    assert reception.lost == 0


def hear(numbers, reception: Reception | None = None) -> Reception:
    reception = Reception() if reception is None else reception
    for number in numbers:
        reception.hear(1, number, number * 160, number * 0.02)
    return reception
