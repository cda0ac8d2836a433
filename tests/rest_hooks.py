"""What schemathesis takes from us: a body of JSON lines, and a check that no answer holds the words of another namespace."""

from __future__ import annotations

import json
import os
from typing import Any

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def json_lines(context: Any, value: Any) -> bytes:
    """One session on each line; the schema says no more of them than that they are text."""
    lines = ['{"text": "A line."}', json.dumps({"text": str(value)[:200]}), str(value)[:200]]
    return "\n".join(lines[: 1 + len(str(value)) % 3]).encode("utf-8", "replace")


@schemathesis.check
def no_other_namespace(context: Any, response: Any, case: Any) -> None:
    words = os.environ["JITMEM_OTHERS_WORD"]
    assert words not in response.text, f"{words} belongs to another namespace"


@schemathesis.check
def no_token(context: Any, response: Any, case: Any) -> None:
    for token in os.environ["JITMEM_TOKENS"].split():
        assert token not in response.text
        assert token not in str(dict(response.headers))
