"""Read the values of settings from text: variables of the environment, and the words of `--set`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from math import isfinite
from pathlib import Path
from typing import Any

from .settings import memory_place
from .stores.errors import BadInput

_ValueReader = Callable[[str, str], Any]  # of a text, and of where it stands


def read_setting(name: str, text: str, place: str) -> Any:
    """The value of a field of `Settings`; `BadInput` says in which place an invalid one stands."""
    return _READERS[name](text, place)


def read_words(words: Iterable[str], names: Collection[str]) -> dict[str, Any]:
    """The settings that the words of `--set`, such as `timeout_s=600`, change; only these names."""
    found: dict[str, Any] = {}
    for word in words:
        name, _, text = word.partition("=")
        if name not in names or not text:
            raise BadInput(f"--set is NAME=VALUE with a name of {', '.join(names)}; got {name!r}.")
        found[name] = read_setting(name, text, f"--set {name}")
    return found


def _model(example: str, *in_process: str) -> _ValueReader:
    def read(name: str, place: str) -> str:
        if name not in in_process:
            from .models import provider_and_name

            try:
                provider_and_name(name, example)
            except BadInput as error:
                raise BadInput(f"{place}: {error}") from error
        return name

    return read


def _url(text: str, place: str) -> str | None:
    from .models import validate_url

    return validate_url(text, place)


def _seconds(text: str, place: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not (isfinite(seconds) and seconds > 0):
        raise BadInput(f"{place} must be a number of seconds above 0, such as 120, not {text!r}.")
    return seconds


def _one_of(*names: str) -> _ValueReader:
    def read(text: str, place: str) -> str:
        if text not in names:
            raise BadInput(f"{place} must be one of {', '.join(names)}, not {text!r}.")
        return text

    return read


_READERS: dict[str, _ValueReader] = {
    "memory": lambda text, _: memory_place(text),
    "namespace": lambda text, _: text,
    "model": _model("openai:gpt-4.1-mini"),
    "memorizer_model": _model("openai:gpt-4.1-nano"),
    "researcher_model": _model("openai:gpt-4.1-mini"),
    "embeddings": _model("openai:text-embedding-3-small", "minilm", "multilingual"),
    "base_url": _url,
    "embeddings_base_url": _url,
    "timeout_s": _seconds,
    "prompts": lambda text, _: Path(text),
    "on_model_failure": _one_of("raise", "rules"),
    "effort": _one_of("deep", "fast", "recall"),
    "trace_content": lambda text, place: _one_of("no", "yes")(text, place) == "yes",
}
