"""Power cuts: the block device under a writer is copied, and what a reader of the copy finds is compared with what the
writer had acknowledged when the copying began.

The device is a file behind a loop device. What a process or the kernel's page cache has, and the device has not, is lost
in the copy, as it is when the power goes.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .kills import LONGEST_S, Nursery, Tally, compare, nursery
from .ledger import Ledger

_IMAGE_MB = 48
_COPIES = 6
"""Of one writer's device."""
_READINGS = 30


def missing() -> str:
    """Why there can be no power cut here; empty where there can."""
    if os.geteuid():
        return "needs root, to mount a file system of its own"
    for command in ("mkfs.ext4", "mount", "umount", "losetup"):
        if shutil.which(command, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None:
            return f"needs {command}"
    if not Path("/dev/loop-control").exists():
        return "needs loop devices"
    return ""


@contextmanager
def mounted(image: Path) -> Iterator[Path]:
    """The file system in an image."""
    point = image.with_suffix(".mounted")
    point.mkdir(exist_ok=True)
    _run("mount", "-o", "loop", str(image), str(point))
    try:
        yield point
    finally:
        _run("umount", str(point))


def _run(*command: str) -> None:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PATH": path}, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


def cuts(folder: Path, count: int, seed: int, synchronous: str = "FULL") -> Iterator[Tally]:
    """So many power cuts under writers in `folder`; the tally after each."""
    tally, chance = Tally(), random.Random(seed)
    with nursery() as children:
        while tally.rounds < count:
            copies = list(_copies(children, folder, min(_COPIES, count - tally.rounds), chance, synchronous))
            before = 0
            for image, ledger, moment in copies:
                with mounted(image) as point:
                    found, _ = compare(children, point / "memory", ledger, "sessions")
                image.unlink()
                told, before = ledger.acknowledged - before, ledger.acknowledged
                tally.add(told, moment, found, f"seed {seed}, power cut {tally.rounds}")
                yield tally


def _copies(
    children: Nursery, folder: Path, count: int, chance: random.Random, synchronous: str
) -> Iterator[tuple[Path, Ledger, str]]:
    """Copies of the device under one writer, each with what was known when its copying began."""
    image, ledger = folder / "device.img", Ledger()
    with image.open("wb") as file:
        file.truncate(_IMAGE_MB << 20)
    _run("mkfs.ext4", "-q", "-F", str(image))
    with mounted(image) as point:
        task = {"do": "write", "folder": str(point / "memory"), "seed": str(chance.randrange(1 << 30))}
        writer = children.begin(**task, ledger=ledger.as_json(), synchronous=synchronous)
        try:
            for n in range(count):
                wanted = ledger.acknowledged + chance.randrange(1, 30)
                while ledger.acknowledged < wanted:
                    line = children.line(LONGEST_S)
                    assert line is not None, "a writer hangs"
                    ledger.note(line)
                _listen(children, ledger, chance.uniform(0, 0.05))
                before = Ledger.from_json(ledger.as_json())
                copy, moment = folder / f"copy-{n}.img", "running"
                if not _copied(image, copy):
                    os.kill(writer, signal.SIGSTOP)  # too busy: between two of its steps, then
                    moment = "stopped"
                    assert _copied(image, copy), "the device changes under a writer that stands still"
                    os.kill(writer, signal.SIGCONT)
                _listen(children, ledger, 0)
                yield copy, before.while_more_was_begun(ledger), moment
        finally:
            os.kill(writer, signal.SIGKILL)
            for _ in children.lines_to_the_end():
                pass


def _listen(children: Nursery, ledger: Ledger, for_s: float) -> None:
    """Take in what the writer says in that time, and what it has said already."""
    ends_at = time.monotonic() + for_s
    while (line := children.line(max(0.0, ends_at - time.monotonic()))) is not None:
        ledger.note(line)


def _copied(image: Path, copy: Path) -> bool:
    """As the device was at one moment: it is read until two readings agree. False if they do not for long."""
    last = _reading(image)
    for _ in range(_READINGS):
        now = _reading(image)
        if now == last:
            with copy.open("wb") as file:
                file.truncate(_IMAGE_MB << 20)
                for start, block in now:
                    file.seek(start)
                    file.write(block)
            return True
        last = now
    return False


def _reading(image: Path) -> list[tuple[int, bytes]]:
    """Where a device was ever written, and what is there; the rest is zeros."""
    blocks, at, size = [], 0, _IMAGE_MB << 20
    file = os.open(image, os.O_RDONLY)
    try:
        while at < size:
            try:
                start = os.lseek(file, at, os.SEEK_DATA)
            except OSError:  # nothing but zeros from here on
                break
            at = os.lseek(file, start, os.SEEK_HOLE)
            blocks.append((start, os.pread(file, at - start, start)))
    finally:
        os.close(file)
    return blocks
