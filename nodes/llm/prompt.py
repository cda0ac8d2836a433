"""Render a step's prompt: Markdown with `{{name}}` places, history fenced as data, strict about missing values.

A prompt file has the sections `# System` (the instructions, and as its last paragraph what is data), `# Task` (the
material with its places, then the job in one line) and `# Form` (the answer as a filled-in example). The steps of one
page share their prefix: their instructions are in a section `# Job` and follow the material. `<step>.small.md`, where
there is one, is the prompt for small models; it may leave places out.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources

from langchain_core.messages import BaseMessage

from ...stores.records import RECORD_ID
from ...stores.token_size import CHARS_PER_TOKEN, text_size

_PER_MESSAGE = 3
_PLACE = re.compile(r"\{\{(\w+)\}\}")
_HEADINGS = re.compile(r"^# (System|Task|Job|Form)\s*$", re.M)
_HISTORY, _QUESTION = "history", "question"
_NOT_HEX = re.compile("[^0-9a-f]")


def render_prompt(
    name: str,
    values: Mapping[str, str],
    form: str | None = None,
    override: str | None = None,
    *,
    small: bool = False,
) -> tuple[str, str]:
    """The system part, which never varies (so that prefix caches work), and the task with its values.

    The answer's form is shown as the file's example, or is `form`. `override` replaces our instructions, but not the
    paragraph that says what is data.

    `KeyError` for a place without a value and for a value without a place: both are our mistake, not the caller's.
    """
    sections = _template(name, small)
    places = set(_PLACE.findall(sections["Task"]))
    if places != set(values) and not (small and places < set(values)):
        raise KeyError(f"Prompt {name!r} has the places {sorted(places)}, its question gives {sorted(values)}.")
    instructions = _instructions(sections)
    if override is not None:
        from ...stores.delimiters import escape_delimiters

        instructions = escape_delimiters(override.strip(), _HISTORY, _QUESTION)
    form = form or f"Answer with one JSON object of this form:\n{sections['Form']}"
    task = _PLACE.sub(lambda m: values[m[1]], sections["Task"])
    if "Job" in sections:
        return sections["System"], f"{task}\n\n{instructions}\n\n{form}"
    return f"{instructions}\n\n{_split_system(sections['System'])[1]}\n\n{form}", task


def default_prompt(name: str) -> str:
    """A step's instructions: the part that may be overridden."""
    return _instructions(_template(name, False))


def fence(text: str) -> str:
    """Text from the history between delimiters that it cannot contain: whatever it says, it is data."""
    return _between(_HISTORY, text)


def fence_question(question: str) -> str:
    """A question between delimiters of its own: it may quote a third party."""
    return _between(_QUESTION, question)


def fence_list(lines: Iterable[str], tokens: float, empty: str) -> str:
    """A fenced list, one line each, as many of the first as the budget holds; `empty` where there are none."""
    room = int(tokens * CHARS_PER_TOKEN)
    listed: list[str] = []
    for line in lines:
        line = f"- {' '.join(line.split())}"
        if text_size(line) > room and listed:
            listed.append("- (more is left out here)")
            break
        listed.append(clip(line, room / CHARS_PER_TOKEN))
        room -= text_size(line) + 1
    return fence("\n".join(listed)) if listed else empty


def clip(text: str, tokens: float) -> str:
    """The text, or its beginning and its end where it is longer."""
    room = max(16, int(tokens * CHARS_PER_TOKEN))
    if text_size(text) <= room:
        return text
    room = max(16, room * len(text) // text_size(text))
    return f"{text[: room * 2 // 3].rstrip()} […] {text[-(room // 3) :].lstrip()}"


def count_tokens(messages: Sequence[BaseMessage]) -> int:
    """About how many tokens messages are."""
    return sum(text_size(str(message.text)) // CHARS_PER_TOKEN + _PER_MESSAGE for message in messages)


def _instructions(sections: Mapping[str, str]) -> str:
    return sections.get("Job") or _split_system(sections["System"])[0]


def _split_system(system: str) -> tuple[str, str]:
    said, _, on_data = system.rpartition("\n\n")
    return said, on_data


def _between(mark: str, text: str) -> str:
    mark = f"{mark}-{_nonce(text)}"
    return f"<{mark}>\n{text}\n</{mark}>"


def _nonce(text: str) -> str:
    """Hex digits that stand nowhere in the text, however they are spelled or spaced.

    They follow from the text, without the ids in it: an author cannot write the hash of what he writes, and prefix
    caches and recordings see the same prompt in every process.
    """
    text = RECORD_ID.sub("", text)
    hidden = _NOT_HEX.sub("", unicodedata.normalize("NFKD", text).casefold())
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return next(digest[:length] for length in range(4, 65) if digest[:length] not in hidden)


@cache
def _template(name: str, small: bool) -> Mapping[str, str]:
    """The sections of the file, by heading."""
    prompts = resources.files(__package__) / "prompts"
    file = prompts / f"{name}.small.md"
    if not (small and file.is_file()):
        file = prompts / f"{name}.md"
    text = file.read_text(encoding="utf-8")
    head, *parts = _HEADINGS.split(text)
    assert not head.strip(), f"prompts/{name}.md begins with '# System'"
    return dict(zip(parts[::2], map(str.strip, parts[1::2]), strict=True))
