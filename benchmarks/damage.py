"""How much damage `jitmem doctor` finds, and how much of a memory it saves: python benchmarks/damage.py --flips 200"""

from __future__ import annotations

import argparse
import random
import sqlite3
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from jitmem import Memory, Session
from jitmem.doctor import examine, salvage
from jitmem.stores.truth.database import FILE_NAME

WORDS = "river mill flour van key lorry Porto Viana market price sack maize bread harbour letter wind boat".split()
VECTORS = ("embedding", "item_embedding", "entry_embedding")
Change = Callable[[bytearray, random.Random], object]


def build_memory(folder: Path, sessions: int) -> None:
    """Sessions of 3 to 150 turns, and 40 items."""
    chance = random.Random(1)
    with Memory.open(folder) as memory:
        memory.memorize_many(
            Session(
                id=f"s{number}",
                time="2024-05-08",
                text="\n".join(
                    f"{chance.choice(['Ana', 'Bruno'])}: {' '.join(chance.choices(WORDS, k=20))} {number}-{line}."
                    for line in range(chance.choice([3, 20, 150]))
                ),
            )
            for number in range(sessions)
        )
        for number in range(40):
            memory.items.insert(f"Fact {number}: {' '.join(chance.choices(WORDS, k=8))}.")
        memory.flush()


def without_vectors(whole: Path, to: Path) -> None:
    """The same file with nothing in it but what is kept."""
    write_database(to, (whole / FILE_NAME).read_bytes())
    with closing(sqlite3.connect(to / FILE_NAME, isolation_level=None)) as db:
        for table in (*VECTORS, "mark"):
            db.execute(f"DELETE FROM {table}")
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def write_database(folder: Path, data: bytes) -> Path:
    """A truth alone."""
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / FILE_NAME).write_bytes(data)
    (folder / FILE_NAME).chmod(0o600)
    return folder


def read_rows(folder: Path) -> dict[str, set[str]]:
    """Every row of every table."""
    uri = f"{(folder / FILE_NAME).as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(uri, uri=True)) as db:
        db.text_factory = bytes
        names = [name.decode() for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: {repr(row) for row in db.execute(f"SELECT * FROM {name} NOT INDEXED")} for name in names}


def read_pages(folder: Path) -> set[tuple[str, str]]:
    """Id and text of each."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as db:
        return set(db.execute("SELECT id, text FROM page"))


def flip_bytes(data: bytearray, chance: random.Random, runs: int = 1) -> None:
    """8 random bytes at so many random places."""
    for _ in range(runs):
        at = chance.randrange(len(data) - 8)
        data[at : at + 8] = chance.randbytes(8)


def zero_page(data: bytearray, chance: random.Random) -> None:
    """One page of the file."""
    at = chance.randrange(len(data) // 4096) * 4096
    data[at : at + 4096] = bytes(4096)


def count_findings(whole: Path, work: Path, flips: int) -> Counter[str]:
    """What became of each flip: by what it was found, or what it changed where it was not."""
    data, kept = (whole / FILE_NAME).read_bytes(), read_rows(whole)
    known = {finding.what for finding in examine(whole).findings}
    became: Counter[str] = Counter()
    for seed in range(flips):
        damaged = bytearray(data)
        flip_bytes(damaged, random.Random(seed))
        folder = write_database(work / "damaged", bytes(damaged))
        found = [finding for finding in examine(folder).findings if finding.what not in known]
        if found:
            became["found by SQLite" if any("SQLite" in one.what for one in found) else "found by jitmem"] += 1
            continue
        differ = [name for name, now in read_rows(folder).items() if now != kept[name]]
        became[f"not found, in {', '.join(differ)}" if differ else "in no row"] += 1
    return became


def salvaged_shares(whole: Path, work: Path, seeds: int, change: Change) -> list[float]:
    """The share of pages saved word for word, by seed."""
    data, kept = (whole / FILE_NAME).read_bytes(), read_pages(whole)
    shares = []
    for seed in range(seeds):
        damaged = bytearray(data)
        change(damaged, random.Random(seed))
        folder, into = write_database(work / "damaged", bytes(damaged)), work / f"saved-{seed}"
        salvage(folder, into)
        shares.append(len(read_pages(into) & kept) / len(kept))
    return shares


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=200)
    parser.add_argument("--sessions", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        build_memory(work / "memory", options.sessions)
        without_vectors(work / "memory", work / "dense")
        began = time.perf_counter()
        report = examine(work / "memory")
        size = report.counts["bytes"] / 1e6
        print(f"examine: {report.counts['pages']} pages, {size:.1f} MB, {time.perf_counter() - began:.1f} s")
        for name in ("memory", "dense"):
            for what, count in count_findings(work / name, work, options.flips).most_common():
                print(f"{name}: {count:>4} of {options.flips} {what}")
        for what, change in {
            "1 flip": flip_bytes,
            "12 flips": lambda data, chance: flip_bytes(data, chance, 12),
            "100 flips": lambda data, chance: flip_bytes(data, chance, 100),
            "a page of zeros": zero_page,
            "half the file gone": lambda data, _: data.__delitem__(slice(len(data) // 2, None)),
        }.items():
            place = Path(tempfile.mkdtemp(dir=work))
            shares = salvaged_shares(work / "dense", place, max(1, options.flips // 4), change)
            print(f"saved after {what}: {statistics.mean(shares):.4f} of the pages, {min(shares):.4f} at least")


if __name__ == "__main__":
    main()
