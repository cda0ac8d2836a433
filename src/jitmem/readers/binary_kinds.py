"""Files that are no text: which kind a file is by its first bytes, and which loader reads it."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO

_KINDS: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF-", "a PDF", "PyPDFLoader"),
    (b"{\\rtf", "an RTF document", "UnstructuredRTFLoader"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document (doc, xls, ppt or msg)", "UnstructuredFileLoader"),
    (b"SQLite format 3\0", "an SQLite database", "SQLDatabaseLoader"),
    (b"\x89PNG", "a PNG image", ""),
    (b"\xff\xd8\xff", "a JPEG image", ""),
    (b"GIF8", "a GIF image", ""),
    (b"BM", "a BMP image", ""),
    (b"II*\0", "a TIFF image", ""),
    (b"MM\0*", "a TIFF image", ""),
    (b"ID3", "an MP3 recording", ""),
    (b"OggS", "an Ogg recording", ""),
    (b"fLaC", "a FLAC recording", ""),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video", ""),
    (b"RIFF", "a WAV, AVI or WebP file", ""),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack"),
    (b"Rar!", "a RAR archive", "unpack"),
    (b"BZh", "a bzip2 file", "unpack"),
    (b"\xfd7zXZ\0", "an xz file", "unpack"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file", "unpack"),
    (b"\x7fELF", "a program", ""),
    (b"MZ", "a program", ""),
    (b"bplist00", "a binary property list", ""),
    (b"PAR1", "a Parquet file", ""),
)
_IN_ZIP: tuple[tuple[str, str, str], ...] = (
    ("word/document.xml", "a Word document (docx)", "Docx2txtLoader"),
    ("xl/workbook.xml", "an Excel workbook (xlsx)", "UnstructuredExcelLoader"),
    ("ppt/presentation.xml", "a PowerPoint presentation (pptx)", "UnstructuredPowerPointLoader"),
    ("META-INF/container.xml", "an EPUB book", "UnstructuredEPubLoader"),
    ("content.xml", "an OpenDocument file (odt, ods or odp)", "UnstructuredODTLoader"),
)
_BY_SUFFIX = {
    "docx": ("a Word document (docx)", "Docx2txtLoader"),
    "xlsx": ("an Excel workbook (xlsx)", "UnstructuredExcelLoader"),
    "pptx": ("a PowerPoint presentation (pptx)", "UnstructuredPowerPointLoader"),
    "epub": ("an EPUB book", "UnstructuredEPubLoader"),
    "odt": ("an OpenDocument text (odt)", "UnstructuredODTLoader"),
    "pages": ("a Pages document", ""),
}
_NOTEBOOK = re.compile(r'"(?:cell_type|nbformat)"\s*:')
REFUSED_SUFFIXES = frozenset(".pdf .rtf .doc .docx .odt .epub .ppt .pptx .xls .xlsx .pages .msg .ipynb".split())
"""Documents that a folder may hold among its texts, and which are named when they are left out."""


def binary_kind(data: bytes, suffix: str) -> str | None:
    """What to say of a file that is no text and no archive of texts: its kind and what reads it. None for any other."""
    head = data[:1024]
    for magic, kind, loader in _KINDS:
        # Two or three letters may begin a text: then a NUL says that it is none.
        if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(magic) and (len(magic) > 3 or b"\0" in head or head[0] > 127):
            return _remedy(kind, loader)
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<?xml") and b"<html" not in head.lower():
        return _remedy("an XML file", "UnstructuredXMLLoader")
    if head[257:262] == b"ustar":
        return _remedy("a tar archive", "unpack")
    if head[4:8] == b"ftyp":
        return _remedy("an MP4, M4A or HEIC file", "")
    if data[:4] == b"PK\x03\x04":
        return _zip_kind(data, suffix)
    if suffix == ".ipynb" and _NOTEBOOK.search(data.decode("utf-8", "replace")):
        return _remedy("a Jupyter notebook", "NotebookLoader")
    return None


def _zip_kind(data: bytes, suffix: str) -> str | None:
    try:
        names = set(zipfile.ZipFile(BytesIO(data)).namelist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        names = set()
    for member, kind, loader in _IN_ZIP:
        if member in names:
            return _remedy(kind, loader)
    found = _BY_SUFFIX.get(suffix.removeprefix("."))
    return _remedy(*found) if found else None


def _remedy(kind: str, loader: str) -> str:
    if loader == "unpack":
        return f"is {kind}; unpack it, and give the folder"
    if not loader:
        return f"is {kind}, which holds no text that can be read; give its transcript or description as text"
    return (
        f"is {kind}, no text; read it with {loader} of langchain_community.document_loaders (jitmem[community]) and file"
        " memory.memorize_many(as_sessions(loader.load())), or save it as text"
    )
