"""How long a call waits for a database that is some milliseconds away.

    python benchmarks/waiting.py                       1 ms a round trip
    python benchmarks/waiting.py --delay-ms 5 --json   5 ms, as JSON

A proxy on the loopback counts the round trips of each call and delays every answer. "Waiting" is round trips times the
delay, whatever else the machine does; beside it stands by how much the quickest of these calls is longer by the wall clock
than the quickest through the same proxy without a delay.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

import typer
from bulk_history import write_bulk_export
from figures import Figure, report
from history import TURNS, History
from rich.console import Console
from rich.progress import track
from slow_proxy import ProxyProcess, slow_proxy

from jitmem import Memory

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from postgres_server import PostgresServer  # it lies beside the tests

_GOALS_MS = {"recall": 10.0, "research of one round": 30.0, "memorize": None}  # at 1 ms
_PASSAGES = 2000
_CALLS = 20
Calls = dict[str, list[Callable[[], object]]]


def main(
    delay_ms: Annotated[float, typer.Option(help="What the network adds to a round trip.")] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Count the round trips of recall, research and memorize in PostgreSQL, and measure what they wait."""
    with ExitStack() as stack:
        server = PostgresServer()
        stack.callback(server.close)
        place = urlsplit(server.database())
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="jitmem-waiting-"))
        _fill(urlunsplit(place), Path(folder))
        sides: list[tuple[ProxyProcess, Calls]] = []
        for at, delay in enumerate((0.0, delay_ms)):
            proxy = stack.enter_context(slow_proxy(place.hostname or "", place.port or 5432, delay))
            through = place._replace(netloc=place.netloc.replace(f":{place.port}", f":{proxy.port}"))
            memory = stack.enter_context(Memory.open(urlunsplit(through)))
            sides.append((proxy, _calls(memory, _PASSAGES // TURNS + at * 2 * _CALLS)))
        figures = list(_figures(sides, delay_ms))
    report(figures, as_json=as_json)


def _fill(url: str, folder: Path) -> None:
    write_bulk_export(folder / "history.jsonl", _PASSAGES)
    with Memory.open(url) as memory, (folder / "history.jsonl").open("rb") as lines:
        memory.transfer.import_(lines)
        memory.flush()


def _calls(memory: Memory, first: int) -> Calls:
    """The first of each kind is not measured: connections are opened, caches filled."""
    history = History()
    asked = history.questions(_PASSAGES // TURNS, _CALLS + 1)
    return {
        "recall": [lambda q=q: memory.recall(q) for q in asked],  # type: ignore[misc]
        "research of one round": [lambda q=q: memory.research(q, depth=1) for q in asked],  # type: ignore[misc]
        "memorize": [lambda n=n: memory.memorize(history.session(first + n)) for n in range(_CALLS + 1)],  # type: ignore[misc]
    }


def _figures(sides: list[tuple[ProxyProcess, Calls]], delay_ms: float) -> Iterator[Figure]:
    for name, goal in _GOALS_MS.items():
        trips: list[int] = []
        walls: list[list[float]] = [[], []]
        for at in track(range(_CALLS + 1), description=name, console=Console(stderr=True), transient=True):
            for side, (proxy, calls) in enumerate(sides):
                before, began = proxy.round_trips(), time.perf_counter()
                calls[name][at]()
                walls[side].append(1000 * (time.perf_counter() - began))
                if side:
                    trips.append(proxy.round_trips() - before)
        typical = statistics.median(trips[1:])
        yield Figure(f"{name}: round trips", typical, "")
        yield Figure("  the most", max(trips[1:]), "")
        yield Figure(f"  waiting at {delay_ms:g} ms", typical * delay_ms, "ms", goal if delay_ms == 1 else None)
        yield Figure("  the quickest call longer by the wall clock", min(walls[1][1:]) - min(walls[0][1:]), "ms")


if __name__ == "__main__":
    typer.run(main)
