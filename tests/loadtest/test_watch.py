from __future__ import annotations

from loadtest.watch import Figures


def histogram(*counts: int, labels: str = "") -> str:
    """Buckets up to 0.1, 0.5 and without end, cumulated."""
    bounds = zip(("0.1", "0.5", "+Inf"), counts, strict=True)
    return "".join(f'lag_bucket{{{labels}le="{bound}"}} {count}\n' for bound, count in bounds)


def test_metrics_are_summed_over_their_labels():
    page = '# HELP a b\na{queue="x"} 2\na{queue="y"} 3.5\nb 1\nab 9\nc NaN\n'

    assert Figures(["a", "c", "d"]).read(page) == {"a": 5.5}


def test_a_percentile_is_of_what_came_since_the_page_before():
    figures = Figures(["lag:p50", "lag:p99"])

    assert figures.read(histogram(98, 99, 100)) == {"lag:p50": 0.1, "lag:p99": 0.5}
    assert figures.read(histogram(98, 109, 110)) == {"lag:p50": 0.5, "lag:p99": 0.5}
    assert figures.read(histogram(98, 109, 110)) == {}


def test_what_lies_above_all_bounds_counts_as_the_last_of_them():
    assert Figures(["lag:p99"]).read(histogram(0, 0, 5)) == {"lag:p99": 0.5}


def test_a_percentile_is_of_all_labels_together():
    page = histogram(9, 9, 9, labels='x="a",') + histogram(0, 1, 1, labels='x="b",')

    assert Figures(["lag:p50", "lag:p99"]).read(page) == {"lag:p50": 0.1, "lag:p99": 0.5}
