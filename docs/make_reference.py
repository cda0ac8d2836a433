"""Write docs/reference.md from the docstrings of every public name: `python docs/make_reference.py`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import jitmem
import jitmem.testing
from jitmem.method_hint import UniterableMethod

TARGET = Path(__file__).parent / "reference.md"
_WIDTH = 110
_HEAD = """# Reference

Made from the docstrings by `python docs/make_reference.py`; a test holds it to them. Verbs that wait have an async twin
with an `a` before the name, which is left out here.
"""


def reference() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_module(jitmem, "jitmem"), *_module(jitmem.testing, "jitmem.testing")])


def _module(module: Any, name: str) -> Iterator[str]:
    yield f"## {name}\n"
    for public in sorted(module.__all__, key=str.lower):
        thing = getattr(module, public)
        if not callable(thing):
            continue
        yield f"### {public}\n"
        yield from _signature(public, thing)
        yield from _told(thing)
        if inspect.isclass(thing) and thing.__module__.startswith("jitmem"):
            yield from _members(thing)


def _members(kind: type) -> Iterator[str]:
    rooms = [one for one in kind.__mro__ if one.__module__.startswith("jitmem")]
    verbs = {name: member for room in rooms for name, member in vars(room).items() if not name.startswith("_")}
    for name, member in verbs.items():
        target = getattr(member, "__func__", member)
        if isinstance(member, property | cached_property):
            target = member.fget if isinstance(member, property) else member.func
        told = inspect.isfunction(target) and inspect.getdoc(target)
        if not told or (name[0] == "a" and name[1:] in verbs):
            continue
        yield f"#### {kind.__name__}.{name}\n"
        if target is member or isinstance(member, classmethod | UniterableMethod):
            yield from _signature(name, target)
        yield from _told(target)


def _signature(name: str, thing: Any) -> Iterator[str]:
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return
    hidden = ("self", "cls", "runtime", "root")  # what `Memory` makes of itself
    shown = [str(one).replace("'", "") for key, one in signature.parameters.items() if key not in hidden]
    if hasattr(thing, "model_fields"):  # pydantic writes its own, which differs from version to version
        rooms = [room for room in thing.__mro__ if room.__module__.startswith("jitmem")]
        own = {key: told for room in reversed(rooms) for key, told in inspect.get_annotations(room).items()}
        fields = {key: field for key, field in thing.model_fields.items() if key in own}
        shown = [
            f"{key}: {own[key]}"
            + ("" if field.is_required() else " = …" if field.default_factory else f" = {field.default!r}")
            for key, field in fields.items()
        ]
    if not shown or any("<" in one for one in shown):
        return
    line = f"{name}({', '.join(shown)})"
    told = line if len(line) <= _WIDTH else f"{name}(\n    " + ",\n    ".join(shown) + ",\n)"
    yield f"```text\n{told}\n```\n"


def _told(thing: Any) -> Iterator[str]:
    told = inspect.getdoc(thing)
    if told:
        yield told.replace("\n>>> ", "\n    >>> ") + "\n"


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
    print(f"Wrote {TARGET}.")
