"""Mailboxes and actors: order, timers, overflow, and what ends with what."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from actors.base import BURST, OWN_EFFECTS, Actor, LiveTurns, Mailbox, Overloaded, Post
from sip.machine import CancelTimer, StartTimer, Stop, TimerFired
from sip.timer_shell import TimerShell


class Script:
    """A machine that answers each message with what ``replies`` says, and remembers it."""

    def __init__(self, **replies: list[Any]) -> None:
        self.heard: list[Any] = []
        self.replies = replies

    def handle(self, message: Any) -> list[Any]:
        self.heard.append(message)
        if isinstance(message, Exception):
            raise message
        name = f"timer_{message.name}" if isinstance(message, TimerFired) else message
        return self.replies.get(name, [])


class Standing(LiveTurns):
    """Time stands still, inside of Trio and outside."""

    def begin(self, what: str, words: tuple[object, ...]) -> tuple[float, float]:
        return 0.0, 0.0


class Stage:
    """Actors, each with what it performed; an effect ``(actor, message)`` is told."""

    def __init__(self) -> None:
        self.timers, self.post = TimerShell(), Post(Standing())
        self.performed: list[Any] = []

    def mailbox(self, name: str) -> Mailbox:
        return Mailbox(self.post, name)

    def actor(self, name: str, mailbox: Mailbox | None = None, size: int = 256, **replies) -> Actor:
        return Actor(
            name,
            Script(**replies),
            {**OWN_EFFECTS, str: self.perform, tuple: self.tell},
            self.timers,
            mailbox or Mailbox(self.post, name, size),
            on_end=lambda: self.performed.append(f"{name} ended"),
        )

    def perform(self, actor: Actor, effect: str) -> None:
        self.performed.append(effect)

    def tell(self, actor: Actor, effect: Any) -> None:
        effect[0].tell(effect[1])


@pytest.fixture
def stage() -> Stage:
    return Stage()


async def test_messages_are_handled_in_their_order_until_stop(stage, autojump_clock) -> None:
    actor = stage.actor("one", go=["first", "second"], end=["last", Stop()])
    for message in ("go", "end", "late"):
        actor.tell(message)
    await actor.mailbox.run()
    assert actor.machine.heard == ["go", "end"]
    assert stage.performed == ["first", "second", "last", "one ended"]
    actor.tell("after the end")
    assert actor.mailbox.waiting == 0


async def test_a_message_to_a_sleeping_actor_wakes_it(stage, autojump_clock) -> None:
    actor = stage.actor("one", end=[Stop()])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(actor.mailbox.run)
        await trio.sleep(1)
        actor.tell("end")
    assert actor.machine.heard == ["end"]


async def test_a_group_shares_a_mailbox_and_lasts_until_its_last_actor(
    stage, autojump_clock
) -> None:
    mailbox = stage.mailbox("group")
    leg = stage.actor("leg", mailbox, hang_up=["bye", Stop()])
    contact = stage.actor("contact", mailbox, go=[(leg, "ring")], end=[(leg, "hang_up"), Stop()])
    contact.tell("go")
    contact.tell("end")
    contact.tell("late")
    with trio.fail_after(1):
        await mailbox.run()
    assert leg.machine.heard == ["ring", "hang_up"]
    assert contact.machine.heard == ["go", "end"]
    assert stage.performed == ["contact ended", "bye", "leg ended"]


async def test_what_one_raises_ends_its_whole_group_and_no_timer_fires_later(
    stage, autojump_clock
) -> None:
    mailbox = stage.mailbox("group")
    leg = stage.actor("leg", mailbox, arm=[StartTimer("t", 1.0)])
    contact = stage.actor("contact", mailbox)
    leg.tell("arm")
    contact.tell(ValueError("broken"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.timers.run)
        with pytest.raises(ValueError, match="broken"):
            await mailbox.run()
        await trio.sleep(2)
        nursery.cancel_scope.cancel()
    assert leg.machine.heard == ["arm"]
    assert len(stage.timers) == 0
    assert stage.performed == []  # nobody stopped in good order


async def test_a_cancelled_timer_does_not_fire_and_an_armed_one_fires_once(
    stage, autojump_clock
) -> None:
    actor = stage.actor(
        "one",
        arm=[StartTimer("a", 1.0), StartTimer("b", 1.0)],
        cancel=[CancelTimer("a")],
        again=[StartTimer("b", 5.0)],
        timer_b=[Stop()],
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.timers.run)
        actor.tell("arm")
        actor.tell("cancel")
        actor.tell("again")
        await actor.mailbox.run()
        assert trio.current_time() >= 5
        nursery.cancel_scope.cancel()
    assert actor.machine.heard == ["arm", "cancel", "again", TimerFired("b")]


class TimersByHand:
    """A timer fires when the test says so."""

    def __init__(self) -> None:
        self.callbacks: list[Any] = []

    def arm(self, seconds: float, callback: Any) -> Any:
        self.callbacks.append(callback)
        return callback

    def cancel(self, callback: Any) -> None:
        self.callbacks.remove(callback)


async def test_a_timer_cancelled_after_it_was_due_has_never_fired(stage, autojump_clock) -> None:
    """Its message waits behind the one that cancels it."""
    stage.timers = timers = TimersByHand()
    actor = stage.actor("one", arm=[StartTimer("a", 1.0)], cancel=[CancelTimer("a")], end=[Stop()])
    actor.handle("arm")
    actor.tell("cancel")
    timers.callbacks[0]()
    actor.tell("end")
    await actor.mailbox.run()
    assert actor.machine.heard == ["arm", "cancel", "end"]


async def test_a_mailbox_that_runs_over_ends_its_owner_and_not_the_sender(
    stage, autojump_clock
) -> None:
    actor = stage.actor("slow", size=10)
    for number in range(11):
        actor.tell(number)
    with pytest.raises(Overloaded, match="slow"):
        await actor.mailbox.run()
    actor.tell("nobody hears this")


async def test_a_flood_lets_other_tasks_have_their_turn(stage, autojump_clock) -> None:
    actor = stage.actor("busy", size=10 * BURST)
    for number in range(5 * BURST):
        actor.tell(number)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while actor.mailbox.waiting:
            await trio.lowlevel.checkpoint()
            turns += 1
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(actor.mailbox.run)
        nursery.start_soon(other)
    assert turns >= 4


# --- turns ----------------------------------------------------------------------------------------


def test_all_that_follows_from_a_turn_is_handled_before_it_ends_in_the_order_told(stage) -> None:
    three = stage.actor("three", ask=["three"])
    two = stage.actor("two", ask=["two", (three, "ask")], tell=["two again"])
    one = stage.actor("one", go=[(two, "ask"), "one", (two, "tell")])

    def datagram(data: bytes, source: str) -> None:
        one.tell("go")
        assert one.machine.heard == [], "nobody is interrupted by what he causes"

    stage.post.turn("test", datagram, b"", "")
    assert stage.performed == ["one", "two", "two again", "three"]
    assert len(stage.post) == 0


def test_a_turn_within_a_turn_is_part_of_it(stage) -> None:
    one = stage.actor("one", go=["went"])

    def outer() -> None:
        stage.post.turn("test", one.tell, "go")
        assert stage.performed == []

    stage.post.turn("test", outer)
    assert stage.performed == ["went"]


def test_what_is_to_be_done_at_the_end_of_a_turn_comes_after_all_that_follows_from_it(
    stage,
) -> None:
    end = stage.performed.append
    two = stage.actor("two", ask=["two"])
    one = stage.actor("one", go=["one", (two, "ask")])

    def say() -> None:
        assert stage.post.at_end(lambda: end("end"))
        one.tell("go")

    stage.post.turn("test", say)
    assert stage.performed == ["one", "two", "end"]
    stage.post.turn("test", one.tell, "go")
    assert stage.performed[3:] == ["one", "two"]
    assert not stage.post.at_end(lambda: end("never"))


def test_the_turns_of_a_burst_end_together(stage) -> None:
    one = stage.actor("one", go=["one"], on=["two"])

    def say(message: str) -> None:
        stage.post.at_end(lambda: stage.performed.append("end"))
        one.tell(message)

    stage.post.begin_burst()
    stage.post.turn("test", say, "go")
    stage.post.turn("test", say, "on")
    assert stage.performed == ["one", "two"]
    stage.post.end_burst()
    assert stage.performed == ["one", "two", "end", "end"]
    stage.post.turn("test", say, "go")
    assert stage.performed[4:] == ["one", "end"]


async def test_what_one_raises_in_a_turn_ends_its_mailbox_and_the_turn_goes_on(
    stage, autojump_clock
) -> None:
    broken, sound = stage.actor("broken"), stage.actor("sound", go=["went"])

    def say() -> None:
        broken.tell(ValueError("broken"))
        broken.tell("never heard")
        sound.tell("go")

    stage.post.turn("test", say)
    assert stage.performed == ["went"]
    broken.tell("nor this")
    with pytest.raises(ValueError, match="broken"):
        await broken.mailbox.run()
    assert len(broken.machine.heard) == 1


def test_what_a_turn_was_told_before_it_failed_is_handled(stage) -> None:
    one = stage.actor("one", go=["went"])

    def say() -> None:
        one.tell("go")
        raise ValueError("a wrong datagram")

    with pytest.raises(ValueError, match="wrong"):
        stage.post.turn("test", say)
    assert stage.performed == ["went"]


async def test_a_turn_without_end_leaves_the_rest_to_the_task_of_whoever_is_next(
    stage, autojump_clock
) -> None:
    actor = stage.actor("busy", size=10 * BURST)
    ended = stage.actor("ended", actor.mailbox, end=[Stop()])

    def flood() -> None:
        ended.tell("end")
        for number in range(1, BURST):
            actor.tell(number)
        ended.tell("late")
        actor.tell("last")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(actor.mailbox.run)
        await trio.testing.wait_all_tasks_blocked()
        stage.post.turn("test", flood)
        assert len(actor.machine.heard) == BURST - 1
        await trio.testing.wait_all_tasks_blocked()
        assert actor.machine.heard[-1] == "last"
        assert actor.mailbox.waiting == 0
        nursery.cancel_scope.cancel()


async def test_all_of_one_turn_is_at_the_same_instant() -> None:
    post, instants = Post(), list[float]()

    def say() -> None:
        instants.append(post.now())
        before = trio.current_time()
        while trio.current_time() == before:
            pass
        instants.append(post.now())

    post.turn("test", say)
    assert instants[0] == instants[1] < post.now()


def test_what_a_turn_does_last_is_done_at_its_instant_behind_all_that_follows(stage) -> None:
    one = stage.actor("one", go=["went"], late=["heard"])
    stage.post.last = (
        lambda: stage.performed.append(f"first of the last at {stage.post.now():g}"),
        lambda: one.tell("late"),
    )
    stage.post.turn("test", one.tell, "go")
    assert stage.performed == ["went", "first of the last at 0"]
    stage.post.deliver()
    assert stage.performed[2] == "heard", "what is told then is another turn's"


def test_a_turn_that_fails_does_its_last_all_the_same(stage) -> None:
    stage.post.last = (lambda: stage.performed.append("last"),)

    def say() -> None:
        raise ValueError("a wrong datagram")

    with pytest.raises(ValueError, match="wrong"):
        stage.post.turn("test", say)
    assert stage.performed == ["last"]
    assert not stage.post.turning
