"""What goes wrong in a simulated centre, one fault at a time from the swarm's list."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import trio

from actors.base import Actor
from sip.message import Request, parse
from tests.sim.deaths import Deaths
from tests.sim.disk import TROUBLES, SimulatedDisk
from tests.sim.people import People
from tests.sim.reloads import Reloads
from tests.sim.swarm import Fault
from tests.support.network import Address, Datagram, Weather
from tests.support.phones import SERVER, Phone
from tests.support.recording import poison
from tests.support.restarting import MortalCentre

STRANGER: Address = ("10.0.9.9", 5060)
MOST_CRASHES = 3
"""In a minute: after five the server ends itself, as it should."""
STORM = Weather(loss=0.3, duplication=0.3, delay=(0.01, 2.0))


class Faults:
    """``wall``: seconds that the wall clock is wrong by; ``crashed``: whom it has made crash."""

    def __init__(
        self, floor: MortalCentre, people: People, nursery: trio.Nursery, reloads: Reloads
    ) -> None:
        assert isinstance(floor.disk, SimulatedDisk)
        self._disk, self._commits_in = floor.disk, floor.disk.takes
        self.floor, self.people, self.nursery = floor, people, nursery
        self.crashed: list[str] = []
        self._recent: list[float] = []
        self._drops: list[Callable[[Datagram], bool]] = []
        self._calm = floor.network.weather
        floor.network.drop = lambda datagram: any(drop(datagram) for drop in self._drops)

        self._deaths, self._reloads = Deaths(floor), reloads

    async def happen(self, faults: tuple[Fault, ...]) -> None:
        for fault in faults:
            await trio.sleep_until(fault.at)
            self._happens(fault)

    async def are_over(self) -> None:
        """All is mended; returns when the server is there."""
        self._disk.trouble, self._disk.takes = None, self._commits_in
        await self._deaths.over()
        self._reloads.configuration.restore()
        await self._reloads.applies()
        self._drops.clear()
        self.floor.network.weather = Weather(delay=self._calm.delay)
        self.floor.media.free = 100_000

    def _happens(self, fault: Fault) -> None:
        phone = self._phone(fault)
        match fault.kind:
            case "power":
                self.nursery.start_soon(self._no_power, phone, fault.lasts)
            case "deaf":
                self._cut(fault, lambda datagram: datagram.to == phone.address)
            case "mute":
                self._cut(fault, lambda datagram: datagram.source == phone.address)
            case "rebind":
                phone.network.unbind(phone.address)
                phone.address = (phone.address[0], phone.address[1] + 2)
                phone.network.bind(phone.address, phone._receive, phone.name)
                self.nursery.start_soon(self.people._registers, phone)
            case "storm":
                self.nursery.start_soon(self._storm, fault.lasts)
            case "actor":
                self._crash(self._residents(), fault)
            case "contact":
                if self.floor.life.serves:
                    self._crash(list(self.floor.core.directory.contacts.values()), fault)
            case "media_full":
                self.nursery.start_soon(self._media_full, fault.lasts)
            case "media_lost":
                self.floor.media.is_lost()
            case "garbage":
                self.floor.network.carry(STRANGER, SERVER, self._garbage(Random(fault.who)))
            case "spoof":
                for data in self._spoofed(Random(fault.who)):
                    self.floor.network.carry(STRANGER, SERVER, data)
            case "kill" | "outage":
                self.nursery.start_soon(self._deaths.dies, fault)
            case "disk":
                self.nursery.start_soon(self._disk_fails, fault)
            case "slow_disk":
                self.nursery.start_soon(self._disk_is_slow, fault)
            case "reload":
                self.nursery.start_soon(self._reloads.happens, fault.who)
            case "clock":
                self.floor.wall.wrong_by += Random(fault.who).uniform(-3600.0, 3600.0)

    # --- phones and network -------------------------------------------------------------------

    def _phone(self, fault: Fault) -> Phone:
        phones = [self.people.agents[name] for name in sorted(self.people.agents)]
        return phones[fault.who % len(phones)]

    async def _no_power(self, phone: Phone, seconds: float) -> None:
        phone.loses_power()
        for call in phone.open_calls():
            call.move("ended")
        await trio.sleep(seconds)
        phone.silent = False
        phone.network.bind(phone.address, phone._receive, phone.name)
        await self.people._registers(phone)

    def _cut(self, fault: Fault, drop: Callable[[Datagram], bool]) -> None:
        self._drops.append(drop)
        self.nursery.start_soon(self._mend, drop, fault.lasts)

    async def _mend(self, drop: Callable[[Datagram], bool], seconds: float) -> None:
        await trio.sleep(seconds)
        if drop in self._drops:
            self._drops.remove(drop)

    async def _storm(self, seconds: float) -> None:
        self.floor.network.weather = STORM
        await trio.sleep(seconds)
        self.floor.network.weather = self._calm

    async def _media_full(self, seconds: float) -> None:
        self.floor.media.free = 0
        await trio.sleep(seconds)
        self.floor.media.free = 100_000

    # --- the disk -----------------------------------------------------------------------------

    async def _disk_fails(self, fault: Fault) -> None:
        self._disk.trouble = TROUBLES[fault.who % len(TROUBLES)]
        await trio.sleep(fault.lasts)
        self._disk.trouble = None

    async def _disk_is_slow(self, fault: Fault) -> None:
        self._disk.takes = Random(fault.who).choice((0.5, 3.0, 20.0))
        await trio.sleep(fault.lasts)
        self._disk.takes = self._commits_in

    # --- the server's own ---------------------------------------------------------------------

    def _residents(self) -> list[Actor]:
        if not self.floor.life.serves:
            return []
        directory = self.floor.core.directory
        return [directory.dispatcher, *directory.queues.values(), *directory.agents.values()]

    def _crash(self, actors: list[Actor], fault: Fault) -> None:
        now = trio.current_time()
        self._recent = [at for at in self._recent if now - at < 60.0]
        if actors and len(self._recent) < MOST_CRASHES:
            actor = actors[fault.who % len(actors)]
            self._recent.append(now)
            self.crashed.append(actor.name)
            poison(self.floor.core, actor)

    # --- strangers ----------------------------------------------------------------------------

    def _garbage(self, random: Random) -> bytes:
        """A datagram of before with some bytes changed, or none that was ever SIP."""
        trace = self.floor.network.trace
        if not trace or random.random() < 0.2:
            return random.randbytes(random.randint(0, 200))
        data = bytearray(random.choice(trace).data)
        for _ in range(random.randint(1, 8)):
            data[random.randrange(len(data))] = random.randrange(256)
        return bytes(data[: random.randint(1, len(data))])

    def _spoofed(self, random: Random) -> list[bytes]:
        """Requests in the newest dialogs by somebody who has guessed all but where they live."""
        requests: list[Request] = []
        for datagram in reversed(self.floor.network.trace[-200:]):
            by_phone = datagram.source not in (SERVER, STRANGER)
            if not by_phone or not datagram.data.startswith(b"INVITE"):
                continue
            message = parse(datagram.data)
            if isinstance(message, Request):
                requests.append(message)
        if not requests:
            return []
        request = random.choice(requests)
        fields = [
            ("Via", f"SIP/2.0/UDP {STRANGER[0]}:{STRANGER[1]};branch=z9hG4bK{random.random()}"),
            ("Max-Forwards", "70"),
            *((name, request.header(name) or "") for name in ("From", "To", "Call-ID")),
        ]
        return [
            Request.build(method, request.target, [*fields, ("CSeq", f"9 {method}")]).encode()
            for method in ("BYE", "CANCEL", "INVITE", "REGISTER")
        ]
