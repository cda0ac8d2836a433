"""Replay what a chat model or an embedding model replied, without the model."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from langchain_core.embeddings import Embeddings
from langchain_core.messages import AIMessage, BaseMessage, messages_from_dict
from pydantic import PrivateAttr

from .recording import DOCUMENT, QUERY
from .recording_file import (
    NotRecorded,
    RecordingError,
    Request,
    difference,
    most_similar,
    read,
    request_to_dict,
    translate_ids,
)
from .stepped_model import InstantModel

_MAKE_CHAT = "RecordingModel(model=…, path=…)"
_MAKE_VECTORS = "RecordingEmbeddings(embeddings=…, path=…)"


class ReplayedModel(InstantModel):
    """Answers from the recording at `path` that `RecordingModel` made: no model, no key, no network.

    The same request gets the same reply: content, tool calls and usage. Asked n times, it gets its n replies in the
    order of the recording. Requests are compared without page ids, which differ in every run: those in a reply are
    replaced by the ones of the present request. A request that was not recorded, or not so often, raises `NotRecorded`;
    filing sessions concurrently may cause that, as the sessions see each other in varying order.
    """

    path: str | Path
    _lock: threading.Lock = PrivateAttr(default_factory=threading.Lock)
    _by_key: dict[str, list[_Exchange]] = PrivateAttr(default_factory=dict)
    _used: Counter[str] = PrivateAttr(default_factory=Counter)

    def model_post_init(self, context: Any, /) -> None:
        """`RecordingError` for a file that is missing or cannot be read."""
        super().model_post_init(context)
        for line in read(Path(self.path), "chat", _MAKE_CHAT):
            exchange = _Exchange(Request.from_dict(line["request"]), line["reply"], line["step"], line["model"])
            self._by_key.setdefault(exchange.request.key, []).append(exchange)

    @property
    def model_name(self) -> str:
        """The name of the recorded model; several if the file has several."""
        return ", ".join(dict.fromkeys(one.model for some in self._by_key.values() for one in some)) or "replayed"

    def remaining(self) -> dict[str, int]:
        """The number of recorded replies not used yet, by step; `{}` for none."""
        with self._lock:
            return dict(Counter(str(one.step) for key, some in self._by_key.items() for one in some[self._used[key] :]))

    @property
    def _llm_type(self) -> str:
        return "replayed"

    def _reply(self, messages: list[BaseMessage], step: str | None, options: dict[str, Any]) -> AIMessage:
        request = Request.from_dict(request_to_dict(messages, options))
        with self._lock:
            recorded = self._by_key.get(request.key, [])
            place = self._used[request.key]
            if place >= len(recorded):
                raise NotRecorded(self._why_not(step, request, len(recorded)))
            self._used[request.key] += 1
        reply = translate_ids(recorded[place].reply, recorded[place].request, request)
        return cast(AIMessage, messages_from_dict([reply])[0])

    def _why_not(self, step: str | None, request: Request, times: int) -> str:
        who = f"The step {step!r}" if step else "A caller"
        if times:
            return f"{who} asked once more what {self.path} has {times} time(s), with as many replies; record again."
        exchanges = [one for some in self._by_key.values() for one in some]
        if not exchanges:
            return f"{who} asked, and {self.path} holds no exchange with a chat model; make one with {_MAKE_CHAT}."
        same_step = [exchange for exchange in exchanges if exchange.step == step] or exchanges
        diff = difference(request.lines, [exchange.request.lines for exchange in same_step])
        return f"{who} asked what is not recorded in {self.path}; record again. The nearest request differs:\n{diff}"


@dataclass(frozen=True, slots=True)
class _Exchange:
    request: Request
    reply: dict[str, Any]
    step: str | None
    model: str


class ReplayedEmbeddings(Embeddings):
    """Answers from the recording at `path` that `RecordingEmbeddings` made; each text any number of times.

    `model` names the recorded model if the file has several. `NotRecorded` for another text, or for one that was
    embedded only for the other use, as a document or as a query.
    """

    def __init__(self, path: str | Path, model: str | None = None) -> None:
        self.path = Path(path)
        lines = read(self.path, "embedding", _MAKE_VECTORS)
        models = list(dict.fromkeys(line["model"] for line in lines))
        if model is None and len(models) > 1:
            raise RecordingError(f"{path} has vectors of {', '.join(models)}; name one of them as `model`.")
        self.model = model or (models[0] if models else "")
        self._vectors: dict[tuple[str, str], list[float]] = {}
        for line in lines:
            if line["model"] == self.model:
                self._vectors.setdefault((line["use"], line["text"]), line["vector"])

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self._vector(DOCUMENT, text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self._vector(QUERY, text)

    def _vector(self, use: str, text: str) -> list[float]:
        if (use, text) in self._vectors:
            return list(self._vectors[use, text])
        others = [other.split(" ") for kind, other in self._vectors if kind == use]
        if not others:
            by = self.model or "any model"
            raise NotRecorded(f"{self.path} has no vector of a {use} by {by}; make one with {_MAKE_VECTORS}.")
        nearest = " ".join(most_similar(text.split(" "), others))
        raise NotRecorded(
            f"{self.path} has no vector of this {use} by {self.model}; record again. The nearest of its texts:\n"
            f"recorded:  {nearest[:300]!r}\nasked now: {text[:300]!r}"
        )
