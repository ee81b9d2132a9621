"""The guardian: how crash groups end, and what is called when the server does."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from actors.base import OWN_EFFECTS, Actor, Mailbox, Post
from actors.guardian import Guardian
from sip.machine import Stop
from sip.timer_shell import TimerShell


class Ends:
    """A machine that does as it is told: it stops, or raises."""

    def handle(self, message: Any) -> list[Any]:
        if isinstance(message, Exception):
            raise message
        return [Stop()]


class Stage:
    """What is heard of the groups."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.post, self.heard = Post(), list[str]()
        self.stopped_by: dict[str, list[Actor]] = {}
        self.guardian = Guardian(nursery, self.crashed, self.post)
        nursery.start_soon(self.post.run)

    def crashed(self, name: str, error: Exception) -> None:
        self.heard.append(f"{name} crashed: {error}")

    async def part(self, crash: Exception) -> None:
        self.heard.append("parting")
        await trio.sleep(1)
        raise crash

    def group(self, name: str) -> Actor:
        def ended() -> None:
            self.heard.append(f"{name} ended")
            for actor in self.stopped_by.get(name, ()):
                actor.tell("stop")

        mailbox: Mailbox = self.guardian.group(name, self.part, ended)
        self.guardian.watch(name, lambda down: self.heard.append(f"{down.name} is down"))
        return Actor(name, Ends(), OWN_EFFECTS, TimerShell(), mailbox)


async def test_who_was_dropped_is_not_dropped_again_when_the_server_ends(autojump_clock) -> None:
    async with trio.open_nursery() as nursery:
        stage = Stage(nursery)
        actors = [stage.group(name) for name in ("one", "other")]
        await trio.testing.wait_all_tasks_blocked()
        stage.guardian.drop("one")
        nursery.cancel_scope.cancel()
    assert stage.heard == ["one ended", "other ended"]
    assert stage.guardian.living == 0
    assert all(actor.ended for actor in actors)


async def test_who_ends_as_another_is_dropped_is_not_dropped(autojump_clock) -> None:
    """The first one's end tells the second what ends it, and the same turn delivers that."""
    async with trio.open_nursery() as nursery:
        stage = Stage(nursery)
        _, other = [stage.group(name) for name in ("one", "other")]
        stage.stopped_by["one"] = [other]
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert stage.heard == ["one ended", "other ended", "other is down"]
    assert stage.guardian.living == 0


async def test_the_good_end_of_a_group_is_part_of_the_turn_that_led_to_it(autojump_clock) -> None:
    async with trio.open_nursery() as nursery:
        stage = Stage(nursery)
        actor = stage.group("one")
        stage.post.turn("test", actor.tell, "stop")
        assert stage.heard == ["one ended", "one is down"]
        nursery.cancel_scope.cancel()
    assert len(stage.heard) == 2


async def test_a_group_that_crashes_parts_first_and_is_then_said_to_be_down(autojump_clock) -> None:
    async with trio.open_nursery() as nursery:
        stage = Stage(nursery)
        actor = stage.group("one")
        stage.post.turn("test", actor.tell, ValueError("broken"))
        actor.tell("stop")
        await trio.sleep(0.5)
        assert stage.heard == ["parting"]
        await trio.sleep(1)
        assert stage.heard[1:] == ["one ended", "one crashed: broken", "one is down"]
        nursery.cancel_scope.cancel()


async def test_a_group_that_is_told_something_outside_a_turn_hears_it(autojump_clock) -> None:
    async with trio.open_nursery() as nursery:
        stage = Stage(nursery)
        actor = stage.group("one")
        await trio.testing.wait_all_tasks_blocked()
        actor.tell("stop")
        await trio.testing.wait_all_tasks_blocked()
        assert actor.ended
        nursery.cancel_scope.cancel()


def test_what_is_raised_as_a_group_ends_is_not_kept_quiet() -> None:
    def over(error: Exception | None) -> None:
        raise OSError("no end is possible")

    post = Post()
    mailbox = Mailbox(post, "one", on_over=over)
    actor = Actor("one", Ends(), OWN_EFFECTS, TimerShell(), mailbox)
    with pytest.raises(OSError, match="no end"):
        trio.run(_told, post, actor)


async def _told(post: Post, actor: Actor) -> None:
    post.turn("test", actor.tell, "stop")
