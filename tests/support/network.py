"""A network in memory: datagrams with delay, loss, duplication and reordering, from one seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import trio

from sip.transport.path import Path

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Weather:
    """``delay`` is uniform between two bounds, in seconds; a spread reorders."""

    loss: float = 0.0
    duplication: float = 0.0
    delay: tuple[float, float] = (0.001, 0.001)


@dataclass(frozen=True, slots=True)
class Datagram:
    at: float
    source: Address
    to: Address
    data: bytes


@dataclass
class Network:
    """Carries datagrams between ports, and remembers each of them."""

    nursery: trio.Nursery
    seed: int = 0
    weather: Weather = Weather()
    trace: list[Datagram] = field(default_factory=list)
    names: dict[Address, str] = field(default_factory=dict)
    drop: Callable[[Datagram], bool] = lambda datagram: False
    _ports: dict[Address, Callable[[bytes, Address], None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)

    def bind(self, address: Address, receive: Callable[[bytes, Address], None], name: str) -> None:
        self._ports[address] = receive
        self.names[address] = name

    def unbind(self, address: Address) -> None:
        self._ports.pop(address, None)

    def carry(self, source: Address, to: Address, data: bytes) -> None:
        datagram = Datagram(trio.current_time(), source, to, data)
        self.trace.append(datagram)
        copies = 1 + (self._random.random() < self.weather.duplication)
        for _ in range(copies):
            lost = self._random.random() < self.weather.loss
            delay = self._random.uniform(*self.weather.delay)
            if not lost and not self.drop(datagram):
                self.nursery.start_soon(self._deliver, datagram, delay)

    async def _deliver(self, datagram: Datagram, delay: float) -> None:
        await trio.sleep(delay)
        receive = self._ports.get(datagram.to)
        if receive is not None:
            receive(datagram.data, datagram.source)

    def ladder(self) -> str:
        """Who said what to whom, and when: printed when a test fails."""
        rows = [f"seed {self.seed}"]
        for datagram in self.trace:
            source = self.names.get(datagram.source, str(datagram.source))
            to = self.names.get(datagram.to, str(datagram.to))
            first = datagram.data.split(b"\r\n", 1)[0].decode("utf-8", "replace")
            rows.append(f"{datagram.at:10.3f}  {source:>10} -> {to:<10}  {first}")
        return "\n".join(rows)


class MemoryTransport:
    """A UDP listener of the server on this network."""

    kind = "udp"

    def __init__(self, network: Network, local: Address = ("10.0.0.1", 5060)) -> None:
        self._network, self.local = network, local

    def path_to(self, host: str, port: int) -> Path:
        return Path("udp", 0, (host, port))

    def send(self, data: bytes, path: Path) -> None:
        self._network.carry(self.local, path.remote, data)

    async def run(
        self, receive: Callable[[bytes, Path], None], failed: Callable[[Path, bytes], None]
    ) -> None:
        self._network.bind(
            self.local, lambda data, source: receive(data, Path("udp", 0, source)), "server"
        )
        await trio.sleep_forever()
