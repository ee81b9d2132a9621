"""What a customer hears while he waits: music, comfort, his place in line (P-7)."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from actors import events as ev
from tests.support.centre import DEFAULT, Centre, centre


def treated(*steps: dict[str, Any], **rest: Any) -> list[dict[str, Any]]:
    first, second = DEFAULT["queues"]
    return [{**first, "treatment": list(steps), **rest}, second]


def heard_by(c: Centre, name: str) -> tuple[str, ...]:
    """What plays to this caller."""
    contact = next(e.contact.id for e in c.of(ev.ContactArrived) if e.ani == name)
    return tuple(c.media.playing.get(f"{contact}/0", ("", []))[1])


COMFORT = {"play": "comfort.wav", "after_seconds": 20, "every_seconds": 30}
POSITION = {"say": "position", "after_seconds": 10, "every_seconds": 20}


async def test_comfort_messages_come_between_the_music(autojump_clock) -> None:
    async with centre(queues=treated(COMFORT)) as c:
        c.media.lengths = {"comfort.wav": 5.0}
        await c.phone("anna").calls_to("2001")
        await trio.sleep(3)
        heard = []
        for _ in range(12):
            heard.append(heard_by(c, "anna"))
            await trio.sleep(5)
        music, comfort = ("music.wav",), ("comfort.wav",)
        assert heard == [*[music] * 4, comfort, *[music] * 5, comfort, music]
        assert [e.files for e in c.of(ev.ContactAnnounced)] == [comfort, comfort]


async def test_callers_hear_their_place_as_it_gets_better(autojump_clock) -> None:
    async with centre(queues=treated(POSITION)) as c:
        anna = c.phone("anna")
        call = await anna.calls_to("2001")
        await c.phone("bert").calls_to("2001")
        await trio.sleep(13)
        assert heard_by(c, "anna") == ("en/next.wav",)
        assert heard_by(c, "bert") == ("en/number.wav", "en/2.wav", "en/in-line.wav")
        await trio.sleep(21)
        assert heard_by(c, "bert") == ("music.wav",), "it is what it was"
        anna.hangs_up(call)
        await trio.sleep(19)
        assert heard_by(c, "bert") == ("en/next.wav",)
        assert [e.position for e in c.of(ev.ContactAnnounced)] == [1, 2, 1]


async def test_an_agent_who_is_free_takes_the_caller_out_of_an_announcement(autojump_clock) -> None:
    async with centre(queues=treated(COMFORT)) as c:
        c.media.lengths = {"comfort.wav": 60.0}
        call = await c.phone("anna").calls_to("2001")
        await trio.sleep(25)
        assert heard_by(c, "anna") == ("comfort.wav",)
        began = trio.current_time()
        ada = await c.agent("1001")
        ada.answers(await ada.rings())
        await trio.sleep(0.1)
        assert call.state == "talking"
        assert heard_by(c, "anna") == ()
        (connected,) = c.of(ev.ContactConnected)
        assert c.of(ev.ContactPresented)[0].dispatch < 0.001
        assert trio.current_time() - began < 1
        assert connected.agent == "1001"
        await trio.sleep(120)
        assert heard_by(c, "anna") == (), "nothing is said into the talk"


async def test_nothing_is_said_while_the_phone_rings(autojump_clock) -> None:
    async with centre(queues=treated({**COMFORT, "after_seconds": 10})) as c:
        ada = await c.agent("1001")
        await c.phone("anna").calls_to("2001")
        await ada.rings()
        for _ in range(17):
            await trio.sleep(1)
            assert heard_by(c, "anna") == ("music.wav",)
        await trio.sleep(2)  # RONA is 18 s
        assert heard_by(c, "anna") == ("comfort.wav",)


async def test_in_another_queue_the_treatment_begins_anew(autojump_clock) -> None:
    first, second = DEFAULT["queues"]
    rule = {"when": "waited", "seconds": 30, "queue": "spanish"}
    greeting = {"play": "hola.wav", "after_seconds": 5}
    both = [{**first, "overflows": [rule]}, {**second, "treatment": [greeting]}]
    async with centre(queues=both) as c:
        await c.phone("anna").calls_to("2001")
        await trio.sleep(34)
        assert not c.of(ev.ContactAnnounced)
        await trio.sleep(4)
        assert heard_by(c, "anna") == ("hola.wav",)


async def test_a_treatment_that_is_loaded_again_is_heard_by_those_who_wait_r20(
    autojump_clock,
) -> None:
    async with centre(queues=treated()) as c:
        await c.phone("anna").calls_to("2001")
        await trio.sleep(100)
        await c.reloads(queues=treated({**COMFORT, "after_seconds": 120}))
        await trio.sleep(23)
        assert heard_by(c, "anna") == ("comfort.wav",)


@pytest.mark.parametrize("seconds", [0.0, 5.0])
async def test_a_message_may_be_heard_as_he_begins_to_wait(autojump_clock, seconds) -> None:
    async with centre(queues=treated({"play": "first.wav", "after_seconds": seconds})) as c:
        await c.phone("anna").calls_to("2001")
        await trio.sleep(2.1 + seconds)
        assert heard_by(c, "anna") == ("first.wav",)
