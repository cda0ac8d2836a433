"""Open zip and gzip files within limits: of size, of count, of depth, and of names that stay inside."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import PurePosixPath

from ..stores.errors import BadInput
from .file_bytes import LARGEST

MOST = 50_000  # files of an archive
DEEPEST = 2  # archives in archives

Report = Callable[[str], None]


def gunzip(data: bytes, shown: str) -> bytes:
    """The content of a gzip file of one or several members; `BadInput` beyond the limit or for a damaged one."""
    parts, size = list[bytes](), 0
    try:
        while data:
            stream = zlib.decompressobj(wbits=31)
            part = stream.decompress(data, LARGEST + 1 - size)
            size += len(part)
            if size > LARGEST:
                raise BadInput(f"{shown}: unpacks to more than {LARGEST // 2**20} MB; unpack it, and give its parts")
            if not stream.eof:
                raise BadInput(f"{shown}: the gzip file ends too early; it is damaged or was not copied whole")
            parts.append(part)
            data = stream.unused_data.lstrip(b"\0")
    except zlib.error as error:
        raise BadInput(f"{shown}: the gzip file is damaged ({error})") from error
    return b"".join(parts)


def zip_members(data: bytes, shown: str, report: Report) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """The name and content of each file in a zip; what has a name that leads out of it, or a password, is named and left
    out. `BadInput` for too many files or bytes, and for a damaged zip."""
    try:
        archive = zipfile.ZipFile(BytesIO(data))
        members = [one for one in archive.infolist() if not one.is_dir()]
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise BadInput(f"{shown}: the zip file is damaged ({error})") from error
    if len(members) > MOST:
        raise BadInput(f"{shown}: holds {len(members):,} files, more than {MOST:,}; unpack it, and give its folders")
    budget = [LARGEST]
    for member in members:
        name = PurePosixPath(member.filename.replace("\\", "/"))
        if not name.parts:
            report(f"{shown}: left out a file without a name")
        elif name.is_absolute() or ".." in name.parts or ":" in name.parts[0]:
            report(f"{shown}: left out {member.filename[:200]!r}, whose name leads out of the archive")
        elif (member.external_attr >> 16) & 0o170000 == 0o120000:
            report(f"{shown}: left out {member.filename[:200]!r}, a symbolic link")
        elif member.flag_bits & 1:
            report(f"{shown}: left out {member.filename[:200]!r}, which has a password; unpack it first")
        else:
            yield name.as_posix(), lambda member=member: _member(archive, member, shown, budget)  # type: ignore[misc]


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, shown: str, budget: list[int]) -> bytes:
    """The bytes of a member, counted as they come: what a zip says of its sizes may be a lie."""
    name = f"{shown}/{member.filename}"
    parts = []
    try:
        with archive.open(member) as stream:
            while part := stream.read(1 << 20):
                budget[0] -= len(part)
                if budget[0] < 0:
                    raise BadInput(
                        f"{shown}: unpacks to more than {LARGEST // 2**20} MB; unpack it, and give its parts"
                    )
                parts.append(part)
    except (zipfile.BadZipFile, NotImplementedError, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise BadInput(f"{name}: cannot be unpacked ({error})") from error
    return b"".join(parts)
