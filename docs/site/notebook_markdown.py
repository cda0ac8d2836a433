"""A notebook as Markdown: its text, its code, and what the code printed and drew."""

from __future__ import annotations

import json
from typing import Any


def notebook_markdown(text: str) -> str:
    return "\n\n".join(_cell_markdown(cell) for cell in json.loads(text)["cells"]) + "\n"


def _cell_markdown(cell: dict[str, Any]) -> str:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return source
    parts = [f"```python\n{source}\n```"]
    for output in cell["outputs"]:
        data = output.get("data", {})
        if "image/png" in data:
            picture = "".join(data["image/png"]).replace("\n", "")
            parts.append(f"![What the code above draws](data:image/png;base64,{picture})")
        elif printed := "".join(output.get("text", data.get("text/plain", ""))).rstrip():
            parts.append(f"````text\n{printed}\n````")
    return "\n\n".join(parts)
