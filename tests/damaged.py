"""A memory with something of everything, and ways to damage its file."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from jitmem import ItemOptions, Memory, Session
from jitmem.stores.truth.database import FILE_NAME

WORDS = "river mill flour van key lorry Porto Viana market price sack maize bread harbour letter wind".split()
NAMESPACES = ("default", "team/ana")


def fill(folder: Path) -> None:
    """Two namespaces with long and short sessions, items, entries, proposals, and sessions that wait."""
    chance = random.Random(7)

    def turn(number: int, line: int) -> str:
        return f"{chance.choice(['Ana', 'Bruno'])}: {' '.join(chance.choices(WORDS, k=18))} {number}-{line}."

    with Memory.open(folder) as memory:
        for name in NAMESPACES:
            one = memory.for_namespace(name)
            for number, lines in enumerate((2, 4, 8, 130, 3, 20)):
                text = "\n".join(turn(number, line) for line in range(lines))
                one.memorize(Session(text=text, id=f"s{number}", time="2024-05-08 13:00", metadata={"n": number}))
            one.accept(f"This waits in {name}.")
            one.items.update("core", "Ana runs the mill.")
            one.items.insert("The mill burned down.", "episodic", "2024-05-01")
            for word in WORDS:
                one.items.insert(f"The {word} is known in Viana.")
            one.as_store().put(("prefs", "x"), "colour", {"text": f"blue, says {name}"})
        item = memory.items.list(kind="semantic")[0]
        memory.items.update(item.id, "The river is known in Porto.")
        with Memory.open(folder, item_options=ItemOptions(mode="propose")) as careful:
            careful.items.insert("Bruno sings.")
        memory.admin.share("team/ana")
        memory.admin.set_retention(pages="9000 days")
        memory.recall("river")


def copy(whole: Path, to: Path, change: Callable[[bytearray], object] = lambda _: None) -> Path:
    """The truth alone in a folder of its own, its bytes changed on the way."""
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(mode=0o700)
    data = bytearray((whole / FILE_NAME).read_bytes())
    change(data)
    file = to / FILE_NAME
    file.write_bytes(data)
    file.chmod(0o600)
    return to


def flips(seed: int, runs: int = 1) -> Callable[[bytearray], None]:
    """8 random bytes at so many random places."""

    def change(data: bytearray) -> None:
        chance = random.Random(seed)
        for _ in range(runs):
            at = chance.randrange(len(data) - 8)
            data[at : at + 8] = chance.randbytes(8)

    return change


def without_vectors(whole: Path, to: Path) -> Path:
    """The same with no vectors, which else are most of the file, so that every flip strikes something kept."""
    copy(whole, to)
    with closing(sqlite3.connect(to / FILE_NAME, isolation_level=None)) as db:
        for table in ("embedding", "item_embedding", "entry_embedding", "mark"):
            db.execute(f"DELETE FROM {table}")
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for name in ("-wal", "-shm"):
        (to / f"{FILE_NAME}{name}").unlink(missing_ok=True)
    return to


def tables(folder: Path) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    uri = f"{(folder / FILE_NAME).as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(uri, uri=True)) as db:
        db.text_factory = bytes
        names = [name.decode() for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(map(repr, db.execute(f"SELECT * FROM {name} NOT INDEXED"))) for name in names}


def page_texts(folder: Path) -> dict[str, str]:
    """Page id to text."""
    uri = f"{(folder / FILE_NAME).as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(uri, uri=True)) as db:
        return dict(db.execute("SELECT id, text FROM page"))
