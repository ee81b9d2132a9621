"""Real phones in the hands of commanded calls: each says a tone, and an FFT at each ear says who
hears whom."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from actors.commands import Principal
from ccserver.door import ask
from tests.peers.baresip import Baresip
from tests.peers.conftest import MUSIC
from tests.peers.linphone import Linphone, PulseAudio
from tests.peers.programs import PATIENCE, until
from tests.peers.server import ROOT, Server
from tests.peers.sipp import Sipp
from tests.peers.sounds import heard, hears, write_tone

TONES = {
    "+4420": 431.0,
    "1001": 577.0,
    "1002": 743.0,
    "1003": 941.0,
    "1004": 1163.0,
    "1005": 1409.0,
    "1006": 1709.0,
    "1007": 2069.0,
}


class Floor:
    """The centre with its phones; agents answer by themselves."""

    def __init__(self, server: Server, directory: Path, cleanup: ExitStack) -> None:
        self.server, self.directory, self.cleanup = server, directory, cleanup
        self.phones: dict[str, Baresip] = {}

    def phone(self, user: str, **options: Any) -> Baresip:
        phone = Baresip(self.server, self.directory, user, hertz=int(TONES[user]), **options)
        self.cleanup.callback(phone.stop)
        self.phones[user] = phone
        return phone

    def agents(self, *users: str) -> None:
        for user in users:
            self.phone(user, secret=f"secret-{user}", answers=True)
        for user in users:
            self.server.wait_agent(user, "available")

    def does(self, agent: str, what: str, **args: Any) -> dict[str, Any]:
        """A command of this agent's desktop."""
        (contact,) = (one["id"] for one in self.contacts())
        by = Principal(agent, "agent", agent)
        return ask(self.server.data, f"contact.{what}", {"contact": contact, **args}, None, by)

    def contacts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = ask(self.server.data, "contacts")["contacts"]
        return found

    def state(self) -> str:
        """Of the conversation there is; ``over``: there is no contact."""
        for contact in self.contacts():
            conversation = contact.get("conversation") or {}
            return str(conversation.get("state"))
        return "over"

    def wait_state(self, state: str) -> None:
        until(lambda: self.state() == state, PATIENCE, f"the contact to be {state}")

    def tones_at(self, user: str) -> set[str]:
        """Whose tones are in the last second that this phone has heard; ``music`` is one too."""
        names = {**TONES, "music": float(MUSIC)}
        path = self.phones[user].recording()
        found = heard(path, last=1.0, floor=-26.0) if path.exists() else []
        return {name for name, hertz in names.items() if any(abs(hertz - f) < 6 for f in found)}

    def wait_ears(self, **ears: set[str]) -> None:
        """Until these hear exactly that; keywords are users with an underscore in front."""
        wanted = {name.lstrip("_").replace("customer", "+4420"): who for name, who in ears.items()}
        now: dict[str, set[str]] = {}

        def so() -> bool:
            now.update({name: self.tones_at(name) for name in wanted})
            return now == wanted

        try:
            until(so, PATIENCE, "the ears to hear what they should")
        except AssertionError:
            raise AssertionError(f"wanted {wanted}, heard {now}") from None


@pytest.fixture
def floor(start_server: Callable[..., Server], tmp_path: Path, cleanup: ExitStack) -> Floor:
    server = start_server(routing__wrap_up_seconds="1", sip__algorithms='["MD5"]')
    return Floor(server, tmp_path, cleanup)


def test_an_attended_transfer_of_a_queue_call(floor: Floor) -> None:
    floor.agents("1001")
    customer = floor.phone("+4420")
    customer.dial("2001")
    floor.wait_ears(_customer={"1001"}, _1001={"+4420"})
    floor.agents("1002")

    assert floor.does("1001", "consult", to={"kind": "agent", "agent": "1002"})["ok"]
    floor.wait_ears(_customer={"music"}, _1001={"1002"}, _1002={"1001"})
    assert floor.does("1001", "end")["refused"] == "CONSULT_IN_PROGRESS"
    assert floor.does("1001", "resume")["ok"]
    floor.wait_ears(_customer={"1001"}, _1001={"+4420"}, _1002={"music"})
    assert floor.does("1001", "resume", side="consult")["ok"]
    assert floor.does("1001", "transfer")["ok"]
    floor.wait_ears(_customer={"1002"}, _1002={"+4420"})
    floor.server.wait_agent("1001", "available")
    customer.hang_up()
    floor.server.wait_agent("1002", "available")
    floor.server.wait_figure("ccserver_contacts_handled_total", 1, queue="support")
    floor.server.wait_figure("ccserver_media_sessions", 0)


def test_eight_speak_with_each_other_and_go_one_by_one(floor: Floor) -> None:
    floor.agents("1001")
    customer = floor.phone("+4420")
    customer.dial("2001")
    floor.wait_state("connected")
    others = [str(number) for number in range(1002, 1008)]
    for user in others:
        floor.agents(user)
        assert floor.does("1001", "consult", to={"kind": "agent", "agent": user})["ok"]
        floor.wait_state("consulting")
        assert floor.does("1001", "conference")["ok"]
    everyone = set(TONES)
    floor.wait_ears(**{f"_{user}": everyone - {user} for user in ("1001", "1004", "1007")})
    floor.wait_ears(_customer=everyone - {"+4420"})
    full = floor.does("1001", "consult", to={"kind": "queue", "queue": "sales"})
    assert full["refused"] == "CONFERENCE_FULL"

    for user in others[:-1]:
        assert floor.does(user, "exit_conference")["ok"]
    floor.wait_ears(_customer={"1001", "1007"}, _1001={"+4420", "1007"}, _1007={"+4420", "1001"})
    customer.hang_up()
    floor.wait_state("post_call")
    floor.wait_ears(_1001={"1007"}, _1007={"1001"})
    assert floor.does("1001", "end")["ok"]
    floor.wait_state("over")
    floor.server.wait_figure("ccserver_media_sessions", 0)


def test_a_linphone_is_joined_and_all_three_hear_each_other(floor: Floor, tmp_path: Path) -> None:
    voice_hertz = 1321.0
    sound = PulseAudio(tmp_path)
    floor.cleanup.callback(sound.stop)
    linphone = Linphone(floor.server, sound, tmp_path, "1008", "secret-1008")
    floor.cleanup.callback(linphone.stop)
    floor.server.wait_agent("1008", "available")
    ask(floor.server.data, "agent.set_idle", {"agent": "1008", "code": "lunch"})
    floor.agents("1001")
    customer = floor.phone("+4420")
    customer.dial("2001")
    floor.wait_ears(_customer={"1001"}, _1001={"+4420"})
    ask(floor.server.data, "agent.set_available", {"agent": "1008"})
    floor.server.wait_agent("1008", "available")

    assert floor.does("1001", "consult", to={"kind": "agent", "agent": "1008"})["ok"]
    call = linphone.wait_event("call-state-changed", "IncomingReceived")
    number = call.partition("Id:")[2].split()[0]
    ear = tmp_path / "speaker.wav"
    recorder = sound.record_speaker(ear)
    floor.cleanup.callback(recorder.stop)
    linphone.command(f"answer {number}")
    floor.wait_state("consulting")
    voice = tmp_path / "voice.wav"
    write_tone(voice, voice_hertz, 30.0)
    linphone.command(f"incall-player-start {voice} {number}")
    assert floor.does("1001", "conference")["ok"]

    def all_heard() -> bool:
        at_linphone = ear.exists() and all(
            hears(ear, TONES[u], last=1.0) for u in ("+4420", "1001")
        )
        others = [floor.phones[user].recording() for user in ("+4420", "1001")]
        return at_linphone and all(hears(path, voice_hertz, last=1.0) for path in others)

    until(all_heard, PATIENCE, "the three to hear each other")
    linphone.command(f"terminate {number}")
    floor.wait_state("connected")
    floor.wait_ears(_customer={"1001"}, _1001={"+4420"})


def test_eight_of_three_makes_hear_each_other(floor: Floor, tmp_path: Path) -> None:
    """A SIPp customer, six baresips and a Linphone: whatever their makes, one sum for each ear."""
    voice_hertz = 1321.0
    sound = PulseAudio(tmp_path)
    floor.cleanup.callback(sound.stop)
    write_tone(tmp_path / "voice.ulaw", TONES["+4420"], 1.0)
    floor.agents("1001")
    customer = Sipp(floor.server, tmp_path, "customer_speaks", seconds=120)
    floor.cleanup.callback(customer.stop)
    floor.wait_state("connected")
    baresips = [str(number) for number in range(1001, 1007)]
    for user in baresips[1:]:
        floor.agents(user)
        assert floor.does("1001", "consult", to={"kind": "agent", "agent": user})["ok"]
        floor.wait_state("consulting")
        assert floor.does("1001", "conference")["ok"]
    linphone = Linphone(floor.server, sound, tmp_path, "1008", "secret-1008")
    floor.cleanup.callback(linphone.stop)
    floor.server.wait_agent("1008", "available")
    assert floor.does("1001", "consult", to={"kind": "agent", "agent": "1008"})["ok"]
    call = linphone.wait_event("call-state-changed", "IncomingReceived")
    number = call.partition("Id:")[2].split()[0]
    ear, voice = tmp_path / "speaker.wav", tmp_path / "voice.wav"
    floor.cleanup.callback(sound.record_speaker(ear).stop)
    linphone.command(f"answer {number}")
    floor.wait_state("consulting")
    write_tone(voice, voice_hertz, 60.0)
    linphone.command(f"incall-player-start {voice} {number}")
    assert floor.does("1001", "conference")["ok"]

    everyone = {"+4420", *baresips}
    floor.wait_ears(**{f"_{user}": everyone - {user} for user in baresips})
    missing: set[str] = set()

    def all_heard() -> bool:
        missing.clear()
        ears = {user: floor.phones[user].recording() for user in baresips}
        missing.update(u for u, path in ears.items() if not hears(path, voice_hertz, last=1.0))
        missing.update(f"{u} at 1008" for u in everyone if not hears(ear, TONES[u], last=1.0))
        return not missing

    until(all_heard, PATIENCE, "the Linphone to hear all, and all the Linphone")
    full = floor.does("1001", "consult", to={"kind": "queue", "queue": "sales"})
    assert full["refused"] == "CONFERENCE_FULL"
    assert floor.does("1001", "end")["ok"]
    customer.finish()
    floor.wait_state("over")
    floor.server.wait_figure("ccserver_media_sessions", 0)


def test_the_command_line_has_every_button(floor: Floor) -> None:
    def ccserver(*arguments: str) -> str:
        settings = ["--set", f"data.dir={floor.server.data}"]
        config = ["--config", str(ROOT / "config" / "ccserver.toml")]
        command = [sys.executable, "-m", "ccserver", *arguments, *config, *settings]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        return done.stdout + done.stderr

    floor.agents("1001", "1002")
    customer = floor.phone("+4420")
    customer.dial("2001")
    floor.wait_state("connected")
    (contact,) = (one["id"] for one in floor.contacts())
    assert contact in ccserver("contacts")
    assert "1001" in ccserver("agents")
    assert "support" in ccserver("queues")
    (agent,) = {"1001", "1002"} & {one["agent"] for one in floor.contacts()}
    other = "1002" if agent == "1001" else "1001"

    assert ccserver("contact", "hold", contact, "--as", agent).startswith(f"{agent}: held")
    floor.wait_ears(_customer={"music"})
    refused = ccserver("contact", "end", contact, "--as", agent)
    assert "refused: CALL_ON_HOLD" in refused
    assert "connected" in ccserver("contact", "resume", contact, "--as", agent)
    said = ccserver("contact", "transfer", contact, "--as", agent, "--to", f"agent:{other}")
    assert said.startswith(f"{agent}: ")
    floor.wait_ears(_customer={other})
    story = ccserver("contact", "show", contact)
    assert "contact.transferred" in story
    assert "connected" in story
    assert "NAME, KIND one of agent, queue" in ccserver(
        "contact", "consult", contact, "--as", other, "--to", "1001"
    )
    assert "UNKNOWN_CONTACT" in ccserver("contact", "hold", "nobody", "--as", other)
    assert '"contact.arrived"' in ccserver("events")
    assert "refused: NOT_PERMITTED" in ccserver("call", "+4930", "--as", other)
    times = ("--begins", "2099-01-01T08:00", "--ends", "2099-01-01T09:00")
    wanted = ccserver("monitor", "team", "main", "--as", "1008", *times)
    assert wanted == "agent 1008 waits for: team main (listen)\n"
    times = ("--begins", "2099-01-01T08:00", "--ends", "2099-01-01T07:00")
    assert "refused: BAD_TIME" in ccserver("monitor", "team", "main", "--as", "1008", *times)
    said = ccserver("monitor", "team", "main", "--as", "1008", "--cancel")
    assert said == "agent 1008 waits for: nothing\n"
