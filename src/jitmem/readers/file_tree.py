"""The files of a folder or an archive that may hold history; everything else is left out, and named where it matters."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from ..stores.errors import BadInput
from .archives import DEEPEST, Report, zip_members
from .binary_kinds import REFUSED_SUFFIXES, binary_kind
from .file_bytes import LARGEST, Lookup, read_bytes, unreadable

SUFFIXES = frozenset(
    ".txt .text .log .md .markdown .json .jsonl .ndjson .csv .tsv .html .htm .xhtml .mbox .mbx .eml .vtt .srt .sbv .org .zip .gz".split()
)
_MAILBOXES = frozenset(("mbox", "inbox", "sent", "archive", "drafts"))  # files of mail programs, which have no ending
_NOTION_TABLE = re.compile(r".* [0-9a-f]{32}(?:_all)?\.csv")  # lists the pages that stand beside it
_SLACK = frozenset(("users.json", "channels.json", "groups.json", "dms.json", "mpims.json"))


def tree_files(path: Path, report: Report) -> list[tuple[str, Callable[[], bytes], Lookup]]:
    """Name, content and look-up of the files of a folder or a zip, by name; `BadInput` if there is none."""
    loaders = dict(_walk(path, report) if path.is_dir() else _unzip(read_bytes(path), path.name, report, 1))
    files = _select(loaders, report)
    if not files:
        raise BadInput(f"{path}: no session file in this folder; looked for {', '.join(sorted(SUFFIXES))}")
    lookup = _lookup(loaders)
    # What a phone writes is called alike in every zip of a chat; the name of the zip tells which chat it is.
    return [(f"{path.stem}/{name}" if name == "_chat.txt" else name, loaders[name], lookup) for name in files]


def _lookup(loaders: Mapping[str, Callable[[], bytes]]) -> Lookup:
    return lambda name: loaders[name]() if name in loaders else None


def _walk(root: Path, report: Report) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """The plain files of a folder that are not hidden, by their names from it."""
    inside = root.resolve()
    for folder, below, names in os.walk(root, onerror=_refuse_folder):
        below[:] = [name for name in below if not name.startswith(".")]
        for link in [name for name in below if Path(folder, name).is_symlink()]:
            report(f"{Path(folder, link)}: left out, a link to another folder")
        for name in names:
            file = Path(folder, name)
            below_root = file.relative_to(root).as_posix()
            if name.startswith(".") or not (reason := _may_read(file, inside, report)):
                continue
            if reason == "zip":
                yield from _open_nested(below_root, read_bytes(file), report, 1)
            else:
                yield below_root, lambda file=file: read_bytes(file)  # type: ignore[misc]


def _may_read(file: Path, inside: Path, report: Report) -> str:
    """Whether a file of a folder is read: "zip", "file", or "" for one that is named and left out."""
    wanted = file.suffix.lower() in SUFFIXES | REFUSED_SUFFIXES or file.name.lower() in _MAILBOXES
    try:
        kind = os.stat(file)
        if file.is_symlink() and not file.resolve().is_relative_to(inside):
            report(f"{file}: left out, a link that leads out of the folder")
        elif not stat.S_ISREG(kind.st_mode):
            if not stat.S_ISDIR(kind.st_mode):
                report(f"{file}: left out, no plain file but a {_kind_of(kind.st_mode)}")
        elif kind.st_size > LARGEST and wanted:
            report(f"{file}: left out, {kind.st_size // 2**20:,} MB, more than {LARGEST // 2**20}; split it")
        else:
            return "zip" if file.suffix.lower() == ".zip" else "file"
    except OSError as error:
        if wanted or file.is_symlink():
            report(unreadable(file, error))
    return ""


def _kind_of(mode: int) -> str:
    kinds = {stat.S_ISFIFO: "pipe", stat.S_ISSOCK: "socket", stat.S_ISCHR: "device", stat.S_ISBLK: "device"}
    return next((name for test, name in kinds.items() if test(mode)), "special file")


def _unzip(data: bytes, shown: str, report: Report, depth: int) -> Iterator[tuple[str, Callable[[], bytes]]]:
    for name, load in zip_members(data, shown, report):
        if any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts):
            continue
        if name.lower().endswith(".zip"):
            yield from _open_nested(name, load(), report, depth + 1)
        else:
            yield name, load


def _open_nested(name: str, data: bytes, report: Report, depth: int) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """The files of a zip in a folder or in another zip, below its name."""
    if (kind := binary_kind(data, ".zip")) is not None:
        report(f"{name}: left out; {kind}")
    elif depth > DEEPEST:
        report(f"{name}: left out, an archive in {DEEPEST} others; unpack it")
    else:
        try:
            for inner, load in _unzip(data, name, report, depth):
                yield f"{name.removesuffix('.zip')}/{inner}", load
        except BadInput as error:
            report(str(error))


def _select(loaders: Mapping[str, Callable[[], bytes]], report: Report) -> list[str]:
    """The names of the files to read. Documents that are no text are counted in one message."""
    folders: dict[str, set[str]] = defaultdict(set)
    below: dict[str, set[str]] = defaultdict(set)
    for name in loaders:
        path = PurePosixPath(name)
        folders[path.parent.as_posix()].add(path.name)
        below[path.parent.parent.as_posix()].add(path.name)
    chosen, documents, companions = [], Counter[str](), Counter[str]()
    for name in sorted(loaders):
        path = PurePosixPath(name)
        suffix = path.suffix.lower()
        if suffix in REFUSED_SUFFIXES:
            documents[suffix] += 1
        elif suffix not in SUFFIXES and not (path.name.lower() in _MAILBOXES and loaders[name]()[:5] == b"From "):
            continue
        elif _is_companion(path.name, folders[path.parent.as_posix()], below[path.parent.as_posix()]):
            companions[name] += 1
        else:
            chosen.append(name)
    if documents:
        counts = ", ".join(f"{count} {suffix}" for suffix, count in sorted(documents.items()))
        report(f"left out documents that are no text: {counts}; a loader of jitmem[community] reads them (as_sessions)")
    if companions:
        report(f"left out what an export has beside its chats: {', '.join(companions)}")
    return chosen


def _is_companion(name: str, beside: set[str], below: set[str]) -> bool:
    """Whether a file of an export only describes it, or shows the same chats again."""
    exported = any(one == "conversations.json" or one.startswith("conversations-") for one in beside)
    if exported and name.endswith((".json", ".html")) and not name.startswith("conversations"):
        return True
    if "users.json" in beside and beside & _SLACK - {"users.json"} and name.endswith(".json"):
        return True
    if name == "channel.json" and beside & {"messages.json", "messages.csv"}:
        return True
    if name == "index.json" and below & {"channel.json"}:
        return True
    return name == "archive_browser.html" or _NOTION_TABLE.fullmatch(name) is not None


def _refuse_folder(error: OSError) -> None:
    raise BadInput(unreadable(error.filename, error)) from error
