"""What comes over the feed, however it is cut into pieces on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest

from actors import events as ev
from actors.ids import AgentId, ContactId, QueueName
from actors.reasons import Outcome
from ccserver.core.door.feed import as_lines
from ccserver.core.door.queries import centre
from ccserver.door import Answer, Request
from ccserver.journal import codec
from ccserver.journal.live import Live
from ccserver.settings import Settings
from ccserver.web.core_link import CoreLink
from ccserver.web.model import Changes, Model
from tests.support.web import SETTINGS, arrives, consults, is_offered, ref, talks, waits

Told: TypeAlias = Callable[[Changes], None]
CENTRE = centre(Settings.model_validate(SETTINGS))
STORY = (
    arrives("c1"),
    waits("c1"),
    ev.WrapUpEnded(AgentId("1002"), ContactId("c0"), QueueName("support"), 1.0),
    is_offered("c1", "1001"),
    talks("c1", "1001"),
    *consults("c1", "1001", "1002"),
    arrives("c2"),
    ev.ContactEnded(ref("c1"), Outcome.HANDLED),
    ev.ServerStopped(),
)


class AnsweredLink(CoreLink):
    """With these answers in the place of a connection to ask by."""

    def __init__(self, says: Iterator[Answer], model: Model, changed: Told) -> None:
        super().__init__(Path(), model, changed)
        self._says = says

    async def ask(self, request: Request) -> Answer:
        assert request.op == "centre"
        return next(self._says)


class Feed:
    """The link, and what it tells the desktops; ``says``: the core's answers to ``centre``."""

    def __init__(self, *says: dict[str, Any]) -> None:
        self.model, self.told = Model(), list[Changes]()
        live = Live([queue["name"] for queue in CENTRE["queues"]], [AgentId("1001")])
        self.model.replace(CENTRE, live.snapshot())
        self.link = AnsweredLink(iter(says), self.model, self.told.append)

    def hears(self, *pieces: bytes) -> None:
        async def hear() -> None:
            reader = asyncio.StreamReader()
            listening = asyncio.create_task(self.link.hear_feed(reader))
            for piece in pieces:
                reader.feed_data(piece)
                await asyncio.sleep(0)
            reader.feed_eof()
            await listening

        with pytest.raises(EOFError):
            asyncio.run(hear())

    @property
    def knows(self) -> Any:
        return msgspec.to_builtins(self.model.live.snapshot())


def lines(*events: ev.AnyEvent, first: int = 1) -> list[bytes]:
    numbered = enumerate(events, first)
    return [as_lines([(seq, seq * 1000, codec.encode(event))]) for seq, event in numbered]


def one_by_one() -> Any:
    feed = Feed()
    feed.hears(*lines(*STORY))
    return feed.knows


@pytest.mark.parametrize("size", [1, 7, 100, 1_000, 100_000])
def test_the_state_is_the_same_however_the_feed_is_cut(size: int) -> None:
    whole, feed = b"".join(lines(*STORY)), Feed()
    feed.hears(*(whole[begin : begin + size] for begin in range(0, len(whole), size)))
    assert feed.knows == one_by_one()
    assert feed.model.seq == len(STORY)
    assert list(feed.knows["contacts"]) == ["c2"]


def test_what_comes_together_is_told_once_and_what_shows_nothing_not_at_all() -> None:
    feed = Feed()
    feed.hears(b"".join(lines(*STORY[:4])))
    assert [{kind for kind, _ in changes} for changes in feed.told] == [{"contacts", "queues"}]
    feed.hears(*lines(ev.ServerStopped(), first=5))
    assert (len(feed.told), feed.model.seq) == (1, 5)


def test_another_configuration_is_asked_for_and_told_with_what_came_beside_it() -> None:
    ada = CENTRE["agents"][0] | {"name": "Ada Byron"}
    feed = Feed(CENTRE | {"agents": [ada, *CENTRE["agents"][1:]]})
    content = {"agents": [], "queues": [{"name": "new"}]}
    feed.hears(b"".join(lines(ev.CentreConfigured("v", content, "reload"), arrives("c1"))))
    assert [set(changes) for changes in feed.told] == [
        {("agents", ada["id"]), ("queues", "new"), ("contacts", "c1")}
    ]


def test_who_read_too_slowly_is_told_so_and_begins_anew() -> None:
    feed = Feed()
    feed.hears(lines(arrives("c1"))[0], b'{"resync":{"after":1}}\n', lines(arrives("c2"))[0])
    assert list(feed.knows["contacts"]) == ["c1"]
