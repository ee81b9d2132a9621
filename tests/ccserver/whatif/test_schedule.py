"""A table of who works when: what is read of it, what is wrong with it, and the hours it gives."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from actors.ids import AgentId
from ccserver.whatif.courses import SECOND
from ccserver.whatif.presence import AT_WORK, ELSEWHERE, Wish
from ccserver.whatif.schedule import ScheduleError, hours, read_schedule
from ccserver.whatif.staffing import StaffingError, staffed
from tests.support.telephone_day import day, settings

BERLIN = ZoneInfo("Europe/Berlin")
ADA = AgentId("1001")


def at(text: str) -> int:
    """The second of March, by Berlin's clock, in microseconds since 1970."""
    full = text if "T" in text else f"2026-03-02T{text}"
    return int(datetime.fromisoformat(full).replace(tzinfo=BERLIN).timestamp()) * SECOND


def read(tmp_path: Path, *lines: str) -> dict[AgentId, list[tuple[int, int]]]:
    path = tmp_path / "schedule.csv"
    path.write_text("\n".join(["agent,from,to", *lines]))
    ends = at("2026-03-03T00:00")
    found = read_schedule(path, BERLIN, at("00:00"), ends)
    return {agent: list(shifts) for agent, shifts in found.items()}


def test_shifts_are_of_each_day_by_the_clock_of_the_zone(tmp_path: Path):
    found = read(tmp_path, "1001,09:00,12:30", " 1001 , 13:00 , 17:00", "", "1002,20:00,24:00")

    assert found == {
        "1001": [(at("09:00"), at("12:30")), (at("13:00"), at("17:00"))],
        "1002": [(at("20:00"), at("2026-03-03T00:00"))],
    }


def test_a_shift_over_midnight_has_the_end_of_the_one_before_and_its_own_begin(tmp_path: Path):
    found = read(tmp_path, "1001,22:00,06:00")

    assert found == {"1001": [(at("00:00"), at("06:00")), (at("22:00"), at("2026-03-03T00:00"))]}


def test_shifts_with_dates_are_of_their_day_and_those_that_overlap_are_one(tmp_path: Path):
    found = read(
        tmp_path,
        "1001,2026-03-02T09:00,2026-03-02T12:00",
        "1001,2026-03-02T11:00,2026-03-02T13:00",
        "1001,2026-04-02T11:00,2026-04-02T13:00",
    )

    assert found == {"1001": [(at("09:00"), at("13:00"))]}


def test_all_that_is_wrong_is_said_with_its_line(tmp_path: Path):
    with pytest.raises(ScheduleError) as caught:
        read(
            tmp_path,
            "1001,9am,12:00",
            "1001,09:00",
            "1001,2026-03-02T09:00,2026-03-01T09:00",
            "1001,09:00,12:00",
        )

    lines = [line.removeprefix(str(tmp_path)) for line in str(caught.value).splitlines()]
    assert lines == [
        "/schedule.csv:2: from: expected 09:00 or 2026-03-02T09:00, found 9am",
        "/schedule.csv:3: expected agent,from,to, found 1001,09:00",
        "/schedule.csv:4: to: expected a time behind 2026-03-02T09:00, found 2026-03-01T09:00",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [("who,when\n", "expected agent,from,to, found who,when"), ("", "found nothing")],
)
def test_a_file_without_the_columns_is_refused(tmp_path: Path, content: str, said: str):
    path = tmp_path / "schedule.csv"
    path.write_text(content)
    with pytest.raises(ScheduleError, match=said):
        read_schedule(path, BERLIN, 0, 1)
    with pytest.raises(ScheduleError, match="No such file"):
        read_schedule(tmp_path / "none.csv", BERLIN, 0, 1)


def test_in_his_shifts_one_is_available_but_for_what_he_had_in_hand_beside():
    then = [
        Wish(0, "available"),
        Wish(5, ELSEWHERE),
        Wish(8, AT_WORK),
        Wish(20, "idle:lunch"),
        Wish(35, AT_WORK),
        Wish(36, "available"),
        Wish(90, AT_WORK),
    ]

    found = hours([(10, 30), (33, 50), (95, 100)], then, 100)

    assert [(wish.at, wish.state) for wish in found] == [
        (10, AT_WORK),
        (20, "available"),
        (30, "signed_out"),
        (33, "available"),
        (35, AT_WORK),
        (36, "available"),
        (50, "signed_out"),
        (95, AT_WORK),
        (100, "signed_out"),
    ]


def test_the_schedule_says_who_is_there_and_who_was_and_is_not():
    recorded = day(3, 2, between=30.0, talks=60.0)
    begins = recorded.begins
    shifts = {ADA: [(begins, begins + 7200 * SECOND)]}

    staffing = staffed(settings(2), recorded, ("+1:support",), shifts)

    ends = begins + 7200 * SECOND
    assert staffing.wishes[ADA] == [Wish(begins, "available"), Wish(ends, "signed_out")]
    assert staffing.wishes.keys() == {"1001", "1001-2"}
    assert staffing.notes[0].startswith("1 agents are there by the schedule, 2.0 h in all")
    assert staffing.notes[1] == "1002: there that day, and not in the schedule"


def test_a_schedule_of_nobody_and_one_of_strangers_are_refused():
    recorded = day(3, 2, between=30.0, talks=60.0)
    with pytest.raises(StaffingError, match="agents whom nobody knows: 4711"):
        staffed(settings(2), recorded, (), {AgentId("4711"): [(0, 1)]})
    with pytest.raises(StaffingError, match="nobody at work in that time"):
        staffed(settings(2), recorded, (), {ADA: []})
