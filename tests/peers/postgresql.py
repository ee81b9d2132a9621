"""A real PostgreSQL: a cluster of its own in a directory of its own, on a free port."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg

from tests.peers.programs import LOOPBACK, PATIENCE, free_ports, until

INSTALLED = Path("/usr/lib/postgresql")
UNPRIVILEGED = "postgres"
"""PostgreSQL will not run as root; Debian's package makes this user."""
PASSWORD = "s3cret-of-the-store"
QUICKLY = ("-c", "fsync=off", "-c", "max_connections=20", "-c", "shared_buffers=16MB")
"""The system does not fail in these tests; processes do, and that loses nothing."""


def program(name: str) -> str:
    """Debian keeps them out of the way.  Fails where PostgreSQL is missing: it is no test then."""
    found = sorted(INSTALLED.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    where = str(found[-1]) if found else shutil.which(name)
    assert where, f"no {name}: .ci/install-peers installs it"
    return where


class Postgresql:
    """Runs when it is made; ``stop`` and ``start`` as a test likes; ``remove`` at the end."""

    def __init__(self) -> None:
        self._user = pwd.getpwnam(UNPRIVILEGED) if os.getuid() == 0 else None
        # Not in pytest's directory, which only its own user may enter.
        self.directory = Path(tempfile.mkdtemp(prefix="ccserver-postgresql-"))
        self.port = free_ports()
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        (self.directory / "password").write_text(PASSWORD)
        if self._user is not None:
            for path in (self.directory, self.directory / "password"):
                os.chown(path, self._user.pw_uid, self._user.pw_gid)
        cluster = str(self.directory / "cluster")
        with self._log() as log:
            subprocess.run(
                [
                    *(program("initdb"), "-D", cluster, "-U", "ccserver", "--no-sync"),
                    *("--auth=scram-sha-256", f"--pwfile={self.directory / 'password'}"),
                    *("--encoding=UTF8", "--locale=C"),
                ],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                **self._as_user(),
            )
        self.start()

    def _log(self):
        return (self.directory / "log").open("ab")

    def _as_user(self) -> dict[str, object]:
        user = self._user
        return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid}

    def start(self) -> None:
        """Until it takes connections."""
        with self._log() as log:
            self._process = subprocess.Popen(
                [
                    *(program("postgres"), "-D", str(self.directory / "cluster")),
                    *("-p", str(self.port), "-k", str(self.directory)),
                    *("-c", f"listen_addresses={LOOPBACK}", *QUICKLY),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                **self._as_user(),
            )
        until(self._answers, PATIENCE, "PostgreSQL to take connections")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.directory / "log").read_text()
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: at once and in order; SIGQUIT: as if it crashed."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    def freeze(self) -> None:
        """Nothing of it runs; connections stand, and nobody answers on them."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        for pid in (self._process.pid, *map(int, children.read_text().split())):
            os.kill(pid, number)

    def remove(self) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.directory)

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        where = f"host={LOOPBACK} port={self.port} user=ccserver dbname={database}"
        with psycopg.connect(where, password=PASSWORD, autocommit=True) as connection:
            done = connection.execute(statement)
            return done.fetchall() if done.description else []

    def run(self, name: str, url: str, *arguments: str, says: str = "") -> str:
        """A program of PostgreSQL's, on the database of this URL; what it prints."""
        where = ["--host", LOOPBACK, "--port", str(self.port), "--username", "ccserver"]
        return subprocess.run(
            [program(name), *where, *arguments, url.rpartition("/")[2]],
            input=says,
            env={**os.environ, "PGPASSWORD": PASSWORD},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def new_database(self) -> str:
        """Its URL, as ``store.url`` takes it."""
        self._databases += 1
        name = f"store{self._databases}"
        self.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://ccserver:{PASSWORD}@{LOOPBACK}:{self.port}/{name}"
