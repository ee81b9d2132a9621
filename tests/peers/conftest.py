"""Each test has a server of its own; what it started is ended with it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ccserver.inputs.file import InputsError, recordings
from ccserver.journal.reading import JOURNAL, JournalFile
from ccserver.journal.storage import JournalError
from ccserver.replay.player import replay
from tests.peers.phone_rtp import Phone
from tests.peers.server import Server
from tests.peers.sipp import Sipp
from tests.peers.sounds import write_prompts

GREETING, MUSIC = 1500.0, 620.0
"""Hz."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.peer)


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """A shell has what it puts in the background ignore Ctrl-C, and every program inherits that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("sounds") / "prompts"
    write_prompts(directory, greeting=GREETING, music=MUSIC)
    return directory


@pytest.fixture
def cleanup() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def phones() -> Iterator[list[Phone]]:
    """Phones that speak RTP to an engine: what a test puts here is closed at its end."""
    phones: list[Phone] = []
    yield phones
    for phone in phones:
        phone.close()


@pytest.fixture
def start_server(tmp_path: Path, prompts: Path, cleanup: ExitStack) -> Callable[..., Server]:
    """Starts one with these settings: ``start_server(routing__rona_seconds="2")``.

    When it has been stopped, each of its runs is replayed, and must come to the same events.
    """

    def start(**changes: Any) -> Server:
        server = Server(tmp_path, prompts, **changes)
        cleanup.callback(_check_replay, server)
        cleanup.callback(server.stop)
        server.wait_ready()
        return server

    return start


def _check_replay(server: Server) -> None:
    for path in recordings(server.data):
        try:
            found = replay(path, JournalFile(server.data / JOURNAL))
        except (InputsError, JournalError):
            continue  # a test has put another file in the place of the journal
        assert found.is_same, found


@pytest.fixture
def server(start_server: Callable[..., Server]) -> Server:
    return start_server(routing__wrap_up_seconds="1")


@pytest.fixture
def sipp(tmp_path: Path, cleanup: ExitStack) -> Callable[..., Sipp]:
    """Starts SIPp: ``sipp(server, "customer", service="2001")``."""

    def start(server: Server, scenario: str, **options: object) -> Sipp:
        run = Sipp(server, tmp_path, scenario, **options)  # type: ignore[arg-type]  # passed through
        cleanup.callback(run.stop)
        return run

    return start
