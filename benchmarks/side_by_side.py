"""CPU of this code beside that of another checkout, in one run: two processes that take turns, and their ratios.

Both file the same sessions and ask the same questions, through `Memory` alone, whatever lies behind it.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from figures import Figure
from history import History

HERE = Path(__file__).resolve().parent
SESSION_SHARE, QUESTION_SHARE = 0.6, 0.7  # of the other's CPU
_ROUNDS = 10  # turns of each side

GOALS = {"a session": SESSION_SHARE, "a question, depth 1": None, "a question, depth 3": QUESTION_SHARE, "recall": None}


def beside(checkout: Path, sessions: int, questions: int) -> Iterator[Figure]:
    """The means of both, and this code's as a share of the other's."""
    with ExitStack() as stack:
        sides = [stack.enter_context(_worker(root)) for root in (HERE.parent, checkout.resolve())]
        spent = {name: [0.0, 0.0] for name in GOALS}
        for side in sides:
            _ask(side, {"file": [0, 1], "questions": History().questions(1, 5)})  # imports are no session's cost
        for at, task in enumerate(_tasks(sessions, questions)):
            for number in (0, 1) if at % 2 else (1, 0):
                for name, cpu_ms in _ask(sides[number], task).items():
                    spent[name][number] += cpu_ms
    counts = {"a session": sessions - 1}
    for name, (own, other) in spent.items():
        count = counts.get(name, questions)
        yield Figure(f"{name}, here", own / count, "ms CPU")
        yield Figure(f"{name}, there", other / count, "ms CPU")
        yield Figure("  share", own / other, "x", GOALS[name])


def _tasks(sessions: int, questions: int) -> Iterator[Mapping[str, Any]]:
    stops = [1 + (sessions - 1) * turn // _ROUNDS for turn in range(_ROUNDS + 1)]
    asked = History().questions(sessions, questions)
    for first, until in itertools.pairwise(stops):
        yield {"file": [first, until]}
    for turn in range(_ROUNDS):
        yield {"questions": asked[turn::_ROUNDS]}


@contextmanager
def _worker(checkout: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that runs this file over the packages of a checkout."""
    with tempfile.TemporaryDirectory(prefix="jitmem-beside-") as folder:
        link_packages(checkout, Path(folder) / "packages")
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([f"{folder}/packages", str(HERE)])}
        command = [sys.executable, __file__, f"{folder}/memory"]
        worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        try:
            yield worker
        finally:
            assert worker.stdin is not None
            worker.stdin.close()
            worker.wait()


def link_packages(checkout: Path, packages: Path) -> None:
    """`jitmem` as the checkout's pyproject puts it together, by links."""
    project = tomllib.loads((checkout / "pyproject.toml").read_text())
    folders: dict[str, str] = project["tool"]["setuptools"]["package-dir"]
    (packages / "jitmem").mkdir(parents=True)
    for name, folder in sorted(folders.items()):
        if name == "jitmem":
            for entry in (checkout / folder).iterdir():
                (packages / "jitmem" / entry.name).symlink_to(entry)
        elif not (packages / name.replace(".", "/")).exists():
            (packages / name.replace(".", "/")).symlink_to(checkout / folder)


def _ask(worker: subprocess.Popen[str], task: Mapping[str, Any]) -> dict[str, float]:
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(json.dumps(task) + "\n")
    worker.stdin.flush()
    line = worker.stdout.readline()
    if not line:
        raise RuntimeError("A side ended early; its error is above.")
    spent: dict[str, float] = json.loads(line)
    return spent


def work(folder: str) -> None:
    """Do what each line says, and answer with the CPU milliseconds that it took."""
    from figures import timed

    from jitmem import Memory

    history = History()
    with Memory.open(folder) as memory:
        for line in sys.stdin:
            task = json.loads(line)
            spent = dict.fromkeys(GOALS, 0.0)
            if "file" in task:
                some = [history.session(number) for number in range(*task["file"])]
                filing = timed([*(lambda one=one: memory.memorize(one) for one in some), memory.flush])
                spent["a session"] = sum(filing.cpu)
            asked: Sequence[str] = task.get("questions", ())
            for depth in (1, 3):
                calls = [lambda q=q, d=depth: memory.research(q, depth=d) for q in asked]
                spent[f"a question, depth {depth}"] = sum(timed(calls).cpu)
            spent["recall"] = sum(timed([lambda q=q: memory.recall(q) for q in asked]).cpu)  # type: ignore[misc, arg-type]
            print(json.dumps(spent), flush=True)


if __name__ == "__main__":
    work(sys.argv[1])
