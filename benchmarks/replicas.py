"""Several processes on one database: how much they file together beside one, and whether anything is lost or there twice.

    python benchmarks/replicas.py                        four processes beside one
    python benchmarks/replicas.py --replicas 2 --sessions 40 --json

Replicas file sessions of a generated history and ask a question after every fourth. One process files in one namespace;
then so many file in namespaces of their own, then all in one. At last sessions are accepted by a replica that is killed
while it files them, and two `jitmem work` processes file what is left. Exit code 1 if a session is missing or filed twice.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from figures import Figure, report
from history import History
from rich.console import Console
from rich.progress import Progress

from jitmem import Memory, Session

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from postgres_server import PostgresServer  # it lies beside the tests

_ASK_EVERY = 4
_LEASE_S = "2"  # of the replica that dies; 300 by default
_TIMEOUT_S = 120
_SAY_S = 2.0  # in which a worker names what it has filed last


@dataclass
class _Load:
    """What some replicas did."""

    sessions: int
    seconds: float
    cpu_s: float
    """Of the replicas alone."""
    server_s: float


def main(
    replicas: Annotated[int, typer.Option(min=2, help="Processes that file at once.")] = 4,
    sessions: Annotated[int, typer.Option(min=1, help="Sessions that each of them files.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure the throughput of several processes on one database, and count what is lost or doubled."""
    faults: list[str] = []
    with ExitStack() as stack:
        progress = stack.enter_context(Progress(console=Console(stderr=True), transient=True))
        server = PostgresServer(durable=True)
        stack.callback(server.close)
        task = progress.add_task("one process", total=4)
        figures: list[Figure] = []
        alone: _Load | None = None
        for what, count, shared in (
            ("one process", 1, True),
            (f"{replicas} processes, a namespace each", replicas, False),
            (f"{replicas} processes, one namespace", replicas, True),
        ):
            progress.update(task, description=what)
            url = server.database()
            load = _run(server, url, count, sessions, shared=shared)
            faults += _compare(url, count, sessions, shared=shared)
            new = list(_figures(what, load, alone))
            figures += new
            progress.console.print(*(f"{figure.name} {figure.value:.3g}" for figure in new), sep=", ")
            alone = alone or load
            server.drop(url)
            progress.advance(task)
        progress.update(task, description="a replica dies, workers file the rest")
        url = server.database()
        left, more = _abandon(url, sessions)
        faults += more
        figures.append(Figure("sessions that a dead replica left, filed by two workers", left, "", 1, least=True))
        figures.append(Figure("sessions lost, there twice, or with another text", len(faults), "", 0))
    report(figures, as_json=as_json)
    for fault in faults:
        print(fault, file=sys.stderr)
    raise typer.Exit(int(bool(faults)))


def _figures(what: str, load: _Load, alone: _Load | None) -> Iterator[Figure]:
    yield Figure(f"{what}: sessions a second", load.sessions / load.seconds, "")
    yield Figure("  CPU a session, of the processes", 1000 * load.cpu_s / load.sessions, "ms CPU")
    yield Figure("  CPU a session, of the server", 1000 * load.server_s / load.sessions, "ms CPU")
    if alone:
        yield Figure(
            "  throughput beside one process", alone.seconds / alone.sessions * load.sessions / load.seconds, "x"
        )
        spent = (load.cpu_s + load.server_s) / load.sessions
        yield Figure("  CPU beside one process", spent * alone.sessions / (alone.cpu_s + alone.server_s), "x")


def _run(server: PostgresServer, url: str, count: int, sessions: int, *, shared: bool) -> _Load:
    """All begin at once, when each has opened the memory and filed one session."""
    workers = [_start("file", url, _namespace(at, shared), str(at), str(sessions)) for at in range(count)]
    for worker in workers:
        assert _line(worker) == "ready"
    cpu, began = server.cpu_seconds(), time.perf_counter()
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    spent = [float(_line(worker)) for worker in workers]
    seconds, cpu = time.perf_counter() - began, server.cpu_seconds() - cpu
    for worker in workers:
        assert worker.wait(60) == 0
    return _Load(count * sessions, seconds, sum(spent), cpu)


def _compare(url: str, count: int, sessions: int, *, shared: bool) -> list[str]:
    faults = []
    for name in dict.fromkeys(_namespace(at, shared) for at in range(count)):
        own = [at for at in range(count) if _namespace(at, shared) == name]
        faults += _wrong_sessions(url, name, {n for at in own for n in _numbers(at, sessions)})
    return faults


def _wrong_sessions(url: str, namespace: str, numbers: set[int]) -> list[str]:
    """Against the history: every session is there once, with its text, and no other."""
    right = {f"session-{n + 1}": _text(History().session(n)) for n in numbers}
    with Memory.open(url, namespace) as memory:
        texts: dict[str, list[str]] = {}
        for page in sorted(memory.pages(limit=None), key=lambda page: (page.session_id, page.part)):
            texts.setdefault(page.session_id, []).append(page.text)
    found = {name: "".join(parts) for name, parts in texts.items()}
    wrong = [name for name in right.keys() | found.keys() if right.get(name) != found.get(name)]
    return [f"{namespace}: {name} is missing or has another text" for name in sorted(wrong)]


def _text(session: Session) -> str:
    return "\n".join(f"{speaker}: {text}" for speaker, text in session.turns or ())


def _abandon(url: str, sessions: int) -> tuple[int, list[str]]:
    """How many sessions a killed replica left, all of which workers filed; and what was wrong afterwards."""
    dying = _start("die", url, "all", "0", str(sessions), lease_s=_LEASE_S)
    assert _line(dying) == "filing"
    time.sleep(0.3)
    os.kill(dying.pid, signal.SIGKILL)
    dying.wait()
    with Memory.open(url, "all") as memory:
        left = int(memory.stats()["waiting"])
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        "from jitmem.cli import main; main()",
        "--memory",
        url,
        "work",
        "--json",
    ]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    last = time.monotonic() + _TIMEOUT_S
    with Memory.open(url, "all") as memory:
        while memory.stats()["waiting"] and time.monotonic() < last:
            assert all(worker.poll() is None for worker in workers), "a worker has ended"
            time.sleep(0.2)
    time.sleep(_SAY_S)
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    filed = Counter(name for worker in workers for name in _filed_by(worker.communicate()[0]))
    faults = [f"{name} was filed {count} times" for name, count in filed.items() if count > 1]
    return left, faults + _wrong_sessions(url, "all", set(range(sessions)))


def _filed_by(said: str) -> Iterator[str]:
    """The sessions that `jitmem work --json` has named, an object for each."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(said.rstrip()):
        one, at = decoder.raw_decode(said, at)
        at += len(said) - at - len(said[at:].lstrip())
        if "session" in one:
            yield one["session"]


def _start(task: str, *words: str, lease_s: str = "") -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)} | ({"JITMEM_LEASE_S": lease_s} if lease_s else {})
    command = [sys.executable, "-W", "ignore", __file__, task, *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)


def _line(worker: subprocess.Popen[str]) -> str:
    assert worker.stdout is not None
    return worker.stdout.readline().strip()


def _namespace(replica: int, shared: bool) -> str:
    return "all" if shared else f"replica-{replica}"


def _numbers(replica: int, sessions: int) -> range:
    """And the session before them, which is not measured."""
    return range(replica * (sessions + 1), (replica + 1) * (sessions + 1))


# -- in a process of its own ---------------------------------------------------------------------------------


def file(url: str, namespace: str, replica: str, count: str) -> None:
    first, *numbers = _numbers(int(replica), int(count))
    history = History()
    asked = iter(history.questions(numbers[-1], len(numbers)))
    with Memory.open(url, namespace) as memory:
        memory.memorize(history.session(first))
        memory.recall(next(asked))
        print("ready", flush=True)
        sys.stdin.readline()
        begun = time.process_time()
        for number in numbers:
            memory.memorize(history.session(number))
            if number % _ASK_EVERY == 0:
                memory.recall(next(asked))
        print(time.process_time() - begun, flush=True)


def die(url: str, namespace: str, _: str, count: str) -> None:
    history = History()
    with Memory.open(url, namespace) as memory:
        for number in range(int(count)):
            memory.accept(history.session(number))
        print("filing", flush=True)
        memory.resume()
        time.sleep(_TIMEOUT_S)


TASKS: dict[str, Any] = {"file": file, "die": die}

if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in TASKS:
        TASKS[sys.argv[1]](*sys.argv[2:])
    else:
        typer.run(main)
