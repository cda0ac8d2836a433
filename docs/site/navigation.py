"""Which documents the site has, under which headings: what the tables of docs/index.md link to, in their order."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
INDEX = ROOT / "docs" / "index.md"
REPOSITORY = "https://github.com/jitmem/jitmem"
FIRST_HEADING = "Start"
_FENCE = re.compile(r"(^```.*?^```$)", re.M | re.S)
_LINK = re.compile(r"\]\((?!\w+:)(?P<path>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")


def documents() -> list[Path]:
    """What is shown: every document for readers of the project, and the notebooks."""
    names = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "benchmarks/README.md")
    found = [*(ROOT / name for name in names), *(ROOT / "docs").rglob("*.md"), *(ROOT / "notebooks").glob("*.ipynb")]
    return sorted(found)


def navigation() -> dict[str, list[Path]]:
    """Documents by heading; one that is linked twice stands where it is linked first."""
    found: dict[str, list[Path]] = {}
    heading, seen = FIRST_HEADING, {INDEX}
    for line in INDEX.read_text(encoding="utf-8").splitlines():
        if caption := re.match(r"\| \*\*(.+)\*\* \|", line):
            heading = caption[1]
        if line.startswith("|"):
            for link in _LINK.finditer(line):
                target = (INDEX.parent / link["path"]).resolve()
                if target not in seen and target.suffix in (".md", ".ipynb"):
                    seen.add(target)
                    found.setdefault(heading, []).append(target)
    return found


def contents() -> str:
    """The navigation in the form of Sphinx, which GitHub does not have: it is added to the index while that is read."""
    text = ""
    for heading, pages in navigation().items():
        names = "\n".join(os.path.relpath(page.with_suffix(""), INDEX.parent) for page in pages)
        text += f"\n```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{names}\n```\n"
    return text


def link_outside(text: str, folder: Path) -> str:
    """With links to files of the repository that are no pages of the site led to the repository."""
    shown = {*documents(), *(ROOT / "docs" / "pictures").rglob("*.*")}

    def lead(link: re.Match[str]) -> str:
        target = (folder / link["path"]).resolve()
        if target in shown or not target.exists():  # Sphinx says which document is missing
            return link[0]
        kind = "tree" if target.is_dir() else "blob"
        return f"]({REPOSITORY}/{kind}/main/{target.relative_to(ROOT)}{link['anchor'] or ''})"

    return outside_of_code(text, lambda part: _LINK.sub(lead, part))


def outside_of_code(text: str, change: Callable[[str], str]) -> str:
    parts = _FENCE.split(text)
    return "".join(part if number % 2 else change(part) for number, part in enumerate(parts))
