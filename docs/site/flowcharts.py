"""The flowcharts of the documents, which are Mermaid text: GitHub draws them by itself, the site shows pictures of them."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

PICTURES = Path(__file__).parents[1] / "pictures" / "flowcharts"
_FLOWCHART = re.compile(r"^```mermaid\n(.*?)^```$", re.M | re.S)


def flowcharts_in(text: str) -> list[str]:
    return _FLOWCHART.findall(text)


def picture_of(flowchart: str) -> Path:
    """Named by the text, so that it never shows an older one."""
    return PICTURES / f"{hashlib.sha256(flowchart.encode()).hexdigest()[:12]}.svg"


def show_pictures(text: str, folder: Path) -> str:
    """Each flowchart that `make pictures` has drawn becomes its picture; others stay text."""

    def show(found: re.Match[str]) -> str:
        picture = picture_of(found[1])
        if not picture.exists():
            return found[0].replace("mermaid", "text", 1)
        return f"```{{image}} {os.path.relpath(picture, folder)}\n:class: flowchart\n:alt: Flowchart\n```"

    return _FLOWCHART.sub(show, text)
