from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as Xml

import msgspec
import pytest

from loadtest import result as results
from loadtest.html import search_page, to_html
from loadtest.junit import to_junit
from loadtest.own_load import OwnLoad
from loadtest.result import Audio, AudioPoint, Found, Judged, Trial
from loadtest.summary import to_text
from loadtest.watch import Sample
from tests.support.load import scenario
from tests.support.load_result import MET, result

OVERLOADED = OwnLoad(0.95, 1.0, 9.0, 0.2, 0.3)
MISSED = Judged("setup_p99_seconds", "<= 0.1", 0.25, False)
UNMEASURED = Judged("mos_p5", ">= 4", None, False)


class Outline(HTMLParser):
    """Raises where tags do not match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def drawings(page: str) -> list[Xml.Element]:
    """Raises where one is not well-formed."""
    parts = page.split("<svg")[1:]
    return [Xml.fromstring("<svg" + part.partition("</svg>")[0] + "</svg>") for part in parts]


def outline(page: str) -> Outline:
    read = Outline()
    read.feed(page)
    assert read.open == []
    return read


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "passed"),
        ({"own": OVERLOADED}, "passed"),
        ({"objectives": [MET, MISSED]}, "failed"),
        ({"objectives": [MET, UNMEASURED]}, "failed"),
        ({"objectives": [MISSED], "own": OVERLOADED}, "unproved"),
        ({"died": "it has ended"}, "died"),
    ],
)
def test_the_verdict_follows_from_objectives_generator_and_server(changes, verdict):
    found = result(**changes)

    assert found.verdict == verdict
    assert f'class="verdict {verdict}"' in to_html(found)


def test_the_page_has_all_charts_and_holds_nothing_from_elsewhere():
    audio = Audio(2, 0, 100, 0.01, 0.002, 4.1, 4.0, 4.2, 0.0)
    found = result(audio=audio, audio_series=[AudioPoint(0, 0.0, 0.001), AudioPoint(1, 0.1, 0.002)])

    page = to_html(found)
    read = outline(page)

    # calls, a latency, CPU, memory, a metric, RTP lost, RTP jitter
    assert len(drawings(page)) == 7
    assert "src=" not in page
    assert "<script" not in page
    assert "<first>" in read.text
    assert "2 x a & b" in read.text


def test_all_charts_are_over_the_same_time():
    """Calls to 1 s, the server watched from 2 s before to 5 s after the first call."""
    server = [Sample(at, {"core": 0.5}, {"core": 1}, {}) for at in (-2.0, 0.5, 5.0)]

    page = to_html(result(server=server))

    ticks = [
        [text.text for text in svg.iter("text") if text.get("class") == "x"]
        for svg in drawings(page)
    ]
    assert ticks == [["-2 s", "0 s", "2 s", "4 s"]] * 4  # calls, a latency, CPU, memory


def test_the_page_of_a_search_links_to_each_rate():
    trials = [Trial(10, True, "all met", "01-rate-10"), Trial(20, False, "a < b", "02-rate-20")]

    page = search_page(Found("<s>", 10.0, trials, None))

    assert 'href="01-rate-10/report.html"' in page
    assert "10 calls a second" in page
    assert "a < b" in outline(page).text


def test_a_result_is_read_back_as_it_was(tmp_path: Path):
    path = tmp_path / "result.json"
    path.write_bytes(results.to_json(result(objectives=[MET, UNMEASURED])))

    assert results.read(path) == result(objectives=[MET, UNMEASURED])


def test_the_scenario_stands_in_the_result_without_its_secrets():
    wanted = scenario(
        callers={"kinds": [{"name": "a", "dial": "1", "talk": "uniform 1..2"}]},
        agents={"count": 1, "secret": "hush-{n}"},
        api={"url": "http://x", "password": "hush"},
    )

    content = results.content_of(wanted)

    assert content["callers"]["kinds"][0]["talk"] == "uniform 1..2"
    assert content["target"]["address"] == "10.0.0.1:5060"
    assert b"hush" not in msgspec.json.encode(content)


def test_junit_has_a_case_for_each_objective_and_for_the_server():
    suite = Xml.fromstring(to_junit(result(objectives=[MET, MISSED, UNMEASURED], own=OVERLOADED)))
    cases = {case.get("name"): [child.tag for child in case] for case in suite}

    assert cases == {
        "failed_share <= 0": [],
        "setup_p99_seconds <= 0.1": ["failure"],
        "mos_p5 >= 4": ["failure"],
        "the server lives": [],
        "the generator kept up": ["skipped"],
    }
    assert (suite.get("tests"), suite.get("failures")) == ("5", "2")


def test_the_summary_says_what_was_missed_and_why():
    told = to_text(result(objectives=[MISSED, UNMEASURED], died="the core has ended"))

    assert "MISSED setup_p99_seconds <= 0.1: 0.25" in told
    assert "MISSED mos_p5 >= 4: not measured" in told
    assert "the server: the core has ended" in told


def test_audio_that_nobody_heard_has_no_quality():
    silent = Audio(0, 6, 0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0)

    assert "MOS" not in to_text(result(audio=silent)) + to_html(result(audio=silent))
