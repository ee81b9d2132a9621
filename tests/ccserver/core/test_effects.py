"""What a turn says leaves in its order, but the INVITE that begins a dialog."""

from __future__ import annotations

import logging
from typing import Any, cast

import pytest

from actors import effects as do
from actors.base import Actor, Mailbox, Post
from actors.ids import LegId
from ccserver.core.directory import Directory
from ccserver.core.effects import INVITE, Effects
from ccserver.journal.log import Journal
from ccserver.media import protocol as media
from sip.message import Request, Response
from sip.timer_shell import TimerShell
from sip.transport.path import Path
from sip.usage_messages import ClientKey, ServerKey
from tests.support.builders import make_request

LEG = LegId("c1/1")
PHONE = Path("udp", 0, ("192.0.2.2", 5060))


class Wire:
    """In the place of the endpoint and of the media process: what leaves, in its order."""

    def __init__(self) -> None:
        self.left: list[str] = []
        self.broken = False

    def new_branch(self) -> str:
        return "z9hG4bK1"

    def request(self, token: str, request: Request, *_: object) -> ClientKey:
        self.left.append(request.method)
        return ClientKey("z9hG4bK1", request.method)

    def respond(self, key: ServerKey, response: Response) -> None:
        if self.broken:
            raise ValueError("no such response")
        self.left.append(f"{response.status}")

    def resend(self, key: ServerKey, response: Response) -> None:
        self.left.append(f"{response.status} again")

    def send(self, request: Request, path: Path) -> None:
        self.left.append(request.method)

    def cancel(self, key: ClientKey, reason: str | None) -> None:
        self.left.append("CANCEL")


class Media:
    def __init__(self, left: list[str]) -> None:
        self._left = left

    def send(self, command: media.Command) -> None:
        self._left.append(type(command).__name__)


class Idle:
    def handle(self, message: Any) -> list[Any]:
        return []


class Stage:
    def __init__(self) -> None:
        self.post, self.wire = Post(), Wire()
        not_asked = cast("Any", None)
        self.effects = Effects(
            Directory(),
            cast("Any", self.wire),
            Media(self.wire.left),
            Journal.in_memory(lambda: 0.0),
            not_asked,
            self.post,
            *[not_asked] * 4,
        )
        self.post.last = (self.effects.say_rest,)
        self.mailbox = Mailbox(self.post, "c1")
        self.actor = Actor("c1/1", Idle(), {}, TimerShell(), self.mailbox)

    def says(self, *effects: Any) -> list[str]:
        """What leaves by the end of the turn in which an actor asks for these."""
        self.post.turn("test", self._perform, effects)
        return self.wire.left

    def _perform(self, effects: tuple[Any, ...]) -> None:
        for effect in effects:
            self.effects.handlers[type(effect)](self.actor, effect)


@pytest.fixture
def stage(autojump_clock) -> Stage:
    return Stage()


def request(method: str, token: str = "other") -> do.SendRequest:
    return do.SendRequest(LEG, token, make_request(method), PHONE)


def response(status: int) -> do.RespondWith:
    invite = make_request("INVITE")
    key = ServerKey("z9hG4bK2", "192.0.2.1", "INVITE", "t")
    return do.RespondWith(key, invite.response(status, to_tag="t"))


PLAY = do.Play(LEG, "music", ("music.wav",), loop=True)


async def test_the_invite_that_begins_a_dialog_overtakes_what_nobody_waits_for(stage) -> None:
    said = stage.says(response(200), PLAY, request("INVITE", INVITE))
    assert said == ["INVITE", "200", "Play"]


@pytest.mark.parametrize(
    ("follows", "left"),
    [
        (request("BYE"), "BYE"),
        (request("INVITE", "reinvite"), "INVITE"),
        (do.SendOutside(make_request("ACK"), PHONE), "ACK"),
        (do.Resend(response(200).key, response(200).response), "200 again"),
        (response(180), "180"),
        (response(486), "486"),
    ],
)
async def test_whatever_else_leaves_lets_a_2xx_go_first(stage, follows, left) -> None:
    assert stage.says(response(200), follows, PLAY) == ["200", left, "Play"]


async def test_the_cancel_of_an_invite_of_the_same_turn_follows_it(stage) -> None:
    invite = request("INVITE", INVITE)
    said = stage.says(response(200), invite, do.CancelInvite(LEG, INVITE))
    assert said == ["INVITE", "200", "CANCEL"]


async def test_outside_a_turn_all_leaves_at_once(stage) -> None:
    for effect in (response(200), PLAY, request("INVITE", INVITE)):
        stage.effects.perform(effect)
    assert stage.wire.left == ["200", "Play", "INVITE"]


async def test_a_response_that_cannot_be_sent_ends_whose_it_was_and_the_rest_is_said(
    stage,
) -> None:
    stage.wire.broken = True
    assert stage.says(response(200), PLAY) == ["Play"]
    assert stage.actor.ended
    with pytest.raises(ValueError, match="no such response"):
        await stage.mailbox.run()


async def test_one_of_an_actor_that_has_ended_is_logged(stage, caplog) -> None:
    stage.wire.broken = True

    def says_and_ends() -> None:
        stage._perform((response(200),))
        stage.actor.silence()

    with caplog.at_level(logging.ERROR):
        stage.post.turn("test", says_and_ends)
    assert "a response of c1/1 could not be sent" in caplog.text
