"""What a recall over REST costs beside the Python call, then readers and writers over the loopback for some minutes.

python benchmarks/rest_load.py --minutes 5
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from jitmem import MemorizeOptions, Memory
from jitmem.sample_history import sample_questions, sample_sessions

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))


def main() -> None:
    from http_service import OWNER, http_service

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--readers", type=int, default=64)
    parser.add_argument("--writers", type=int, default=8)
    options = parser.parse_args()
    questions = [one["question"] for one in sample_questions()]
    with TemporaryDirectory() as folder:
        with Memory.open(folder, memorize_options=MemorizeOptions(curate=False)) as memory:
            memory.memorize_many(sample_sessions())
            python_s = cpu_of(lambda: [memory.recall(question) for question in questions], time.process_time)
        with http_service(Path(folder), JITMEM_TOKEN=OWNER) as running, running.client() as client:
            pid = running.process.pid
            rest_s = cpu_of(lambda: recall_all(client, questions), lambda: process_cpu_s(pid))
            began_s, memory_mb = process_cpu_s(pid), [resident_mb(pid)]
            waits, errors = load(client, questions, options, lambda: memory_mb.append(resident_mb(pid)))
            stats = client.get("/v1/stats").raise_for_status().json()
            loaded_s = process_cpu_s(pid) - began_s
            log = list(running.log)
        with http_service(Path(folder), JITMEM_TOKEN=OWNER) as running, running.client() as client:
            recall_all(client, questions)
            fresh_mb = resident_mb(running.process.pid)
    reads, writes = waits["read"], waits["write"]
    report = {
        "minutes": options.minutes,
        "readers": options.readers,
        "writers": options.writers,
        "reads": len(reads),
        "writes": len(writes),
        "sessions": stats["sessions"],
        "errors": errors,
        "server_log": log,
        "read_ms": times_ms(reads),
        "write_ms": times_ms(writes),
        "server_cpu_ms_a_request": round(1000 * loaded_s / (len(reads) + len(writes)), 2),
        "memory_mb_each_quarter": memory_mb,
        "memory_mb_of_a_new_process": fresh_mb,
        "recall_cpu_ms": {
            "python": round(1000 * python_s / len(questions), 2),
            "rest": round(1000 * rest_s / len(questions), 2),
            "ratio": round(rest_s / python_s, 2),
        },
        "load_average": os.getloadavg()[1],
        "cores": os.cpu_count(),
    }
    print(json.dumps(report))
    sys.exit(bool(errors or log))


def recall_all(client: httpx.Client, questions: list[str]) -> None:
    for question in questions:
        client.post("/v1/recall", json={"query": question}).raise_for_status()


def load(
    client: httpx.Client, questions: list[str], options: argparse.Namespace, each_quarter: Callable[[], None]
) -> tuple[dict[str, list[float]], list[str]]:
    """The seconds that each request took, and the answers that were no success."""
    waits: dict[str, list[float]] = {"read": [], "write": []}
    errors = list[str]()
    end = time.monotonic() + options.minutes * 60

    def work(number: int) -> None:
        turn = 0
        while time.monotonic() < end:
            turn += 1
            kind, path = "read", "/v1/recall"
            body: dict[str, Any] = {"query": questions[(number + turn) % len(questions)]}
            if number < options.writers:
                kind, path, body = "write", "/v1/sessions", {"text": f"Writer {number} says {turn}."}
            began = time.monotonic()
            response = client.post(path, json=body)
            waits[kind].append(time.monotonic() - began)
            if response.status_code != 200:
                errors.append(response.text)

    threads = options.readers + options.writers
    with ThreadPoolExecutor(threads) as pool:
        working = [pool.submit(work, number) for number in range(threads)]
        for _ in range(4):
            time.sleep(options.minutes * 15)
            each_quarter()
        for one in working:
            one.result()
    return waits, errors


def cpu_of(act: Callable[[], object], clock: Callable[[], float], times: int = 20) -> float:
    act()
    began = clock()
    for _ in range(times):
        act()
    return (clock() - began) / times


def times_ms(waits: list[float]) -> dict[str, float]:
    if len(waits) < 2:
        return {}
    return {
        "p50": round(1000 * statistics.median(waits), 1),
        "p99": round(1000 * statistics.quantiles(waits, n=100)[98], 1),
        "max": round(1000 * max(waits), 1),
    }


def process_cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def resident_mb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) // 1024


if __name__ == "__main__":
    main()
