"""Say where an option goes that a command does not have."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any


def explain(error: Any, ctx: Any) -> None:
    """Add to the error of an unknown option its form in this command, or which commands have it, or what is near."""
    option, root = str(error.option_name), ctx.find_root().command
    if form := _form(option, ctx.command):
        found = f"{ctx.command.name} has {form}"
    else:
        owners: dict[str, list[str]] = {}
        for words, command in _commands(root):
            if form := _form(option, command):
                owners.setdefault(form, []).append(words)
        found = "; ".join(f"{form} goes after {', '.join(words)}" for form, words in owners.items())
    if found:
        error.message, error.possibilities = f"No such option: {option}. {found}.", None
    else:
        near = difflib.get_close_matches(option, [*_options(ctx.command), *_options(root)], 3)
        error.possibilities = near or error.possibilities


def _form(option: str, command: Any) -> str:
    """How a command takes it: as it is, by --set, or not at all."""
    name = option.lstrip("-").replace("-", "_")
    fields = [one for one in (name, f"{name}_s") if one in getattr(command, "fields", ())]
    return option if option in _options(command) else f"--set {fields[0]}=VALUE" if fields else ""


def _commands(group: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every command below with its words, loaded."""
    for word in getattr(group, "table", group.commands):
        found = group.load(word) if hasattr(group, "table") else group.commands[word]
        if hasattr(found, "commands"):
            yield from _commands(found, f"{path}{word} ")
        else:
            yield f"{path}{word}", found


def _options(command: Any) -> list[str]:
    return [name for one in command.params for name in (*one.opts, *one.secondary_opts)]
