"""Line charts, as they are seen."""

from __future__ import annotations

from xml.etree import ElementTree as Xml

import pytest

from ccserver.drawing.svg import Line, chart, nice_step


@pytest.mark.parametrize(
    ("highest", "step"), [(0, 1), (1, 0.2), (4.9, 1), (7, 2), (42, 10), (1999, 500), (0.003, 0.001)]
)
def test_the_lines_of_a_chart_stand_at_round_numbers(highest, step):
    assert nice_step(highest) == pytest.approx(step)


def test_a_chart_keeps_its_lines_within_its_frame():
    drawing = Xml.fromstring(chart([Line("a", [(0, 0.0), (9, 17.0)]), Line("none", [])], "ms"))

    (line,) = drawing.findall("polyline")
    points = [tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split()]
    assert points[0] == (64, 196)
    assert all(0 <= x <= 760 and 0 <= y <= 240 for x, y in points)


def test_a_line_is_seen_on_which_others_lie():
    lines = [Line(name, [(0, 1.0), (9, 2.0)]) for name in ("recorded", "old", "new")]

    drawn = Xml.fromstring(chart(lines, "s")).findall("polyline")

    dashes = [line.attrib.get("stroke-dasharray") for line in drawn]
    assert dashes[0] is None
    assert None not in dashes[1:]
    assert dashes[1] != dashes[2]


def test_a_chart_of_nothing_is_none():
    assert chart([Line("none", [])], "ms") == ""


def test_a_chart_may_begin_where_its_lines_do():
    drawing = Xml.fromstring(chart([Line("a", [(8, 1.0), (20, 2.0)])], "%", x_unit="h", first=8))

    (line,) = drawing.findall("polyline")
    across = [float(pair.split(",")[0]) for pair in line.attrib["points"].split()]
    assert across == [64, 748]
    ticks = [each.text for each in drawing.findall("text[@class='x']")]
    assert ticks == ["10 h", "15 h", "20 h"]
