"""Record the vectors of an embedding model; replay them later, without the model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from langchain_core.embeddings import Embeddings

from ..stores.embeddings import model_name
from .asked import most_alike
from .recording import VERSION, NotRecorded, RecordingError, append, prepare, read

_DOCUMENT, _QUERY = "document", "query"
_MAKE = "RecordingEmbeddings(embeddings=…, path=…)"


class RecordingEmbeddings(Embeddings):
    """Asks `embeddings` and appends every text and its vector to the file at `path`, for `ReplayedEmbeddings`.

    A line of the file is a JSON object with `version` (1), `kind` ("embedding"), `model` (class and name of it),
    `use` ("document" or "query"), `text`, and `vector` (numbers that read back exactly). The file may be that of a
    `RecordingModel`.
    """

    def __init__(self, embeddings: Embeddings, path: str | Path) -> None:
        self.embeddings = embeddings
        self.path = Path(path)
        prepare(self.path)

    @property
    def model(self) -> str:
        """What the vectors are filed under, beside this class."""
        return model_name(self.embeddings)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self._recorded(_DOCUMENT, texts, self.embeddings.embed_documents(texts))

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        return self._recorded(_DOCUMENT, texts, await self.embeddings.aembed_documents(texts))

    def embed_query(self, text: str) -> list[float]:
        return self._recorded(_QUERY, [text], [self.embeddings.embed_query(text)])[0]

    async def aembed_query(self, text: str) -> list[float]:
        return self._recorded(_QUERY, [text], [await self.embeddings.aembed_query(text)])[0]

    def _recorded(self, use: str, texts: Sequence[str], vectors: Sequence[Sequence[float]]) -> list[list[float]]:
        exact = [[float(number) for number in vector] for vector in vectors]
        told = {"version": VERSION, "kind": "embedding", "model": self.model, "use": use}
        if len(exact) == len(texts):  # a wrong number is the caller's to find, and no vector of any text
            lines = [{**told, "text": t, "vector": v} for t, v in zip(texts, exact, strict=True)]
            append(self.path, lines, self.embeddings)
        return exact


class ReplayedEmbeddings(Embeddings):
    """Answers from the recording at `path` that `RecordingEmbeddings` made; a text as often as it is asked for.

    `model` names the recorded model where the file has vectors of several. `NotRecorded` for another text, or for
    one that was embedded for the other use, as a document or as a query.
    """

    def __init__(self, path: str | Path, model: str | None = None) -> None:
        self.path = Path(path)
        told = read(self.path, "embedding", _MAKE)
        models = list(dict.fromkeys(line["model"] for line in told))
        if model is None and len(models) > 1:
            raise RecordingError(f"{path} has vectors of {', '.join(models)}; name one of them as `model`.")
        self.model = model or (models[0] if models else "")
        self._vectors: dict[tuple[str, str], list[float]] = {}
        for line in told:
            if line["model"] == self.model:
                self._vectors.setdefault((line["use"], line["text"]), line["vector"])

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self._vector(_DOCUMENT, text) for text in texts]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        return self.embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        return self._vector(_QUERY, text)

    async def aembed_query(self, text: str) -> list[float]:
        return self.embed_query(text)

    def _vector(self, use: str, text: str) -> list[float]:
        vector = self._vectors.get((use, text))
        if vector is None:
            raise NotRecorded(self._why_not(use, text))
        return list(vector)

    def _why_not(self, use: str, text: str) -> str:
        known = [other for kind, other in self._vectors if kind == use]
        if not known:
            return f"{self.path} has no vector of a {use} by {self.model or 'any model'}; make one with {_MAKE}."
        near = " ".join(most_alike(text.split(" "), [other.split(" ") for other in known]))
        return (
            f"{self.path} has no vector of this {use} by {self.model}; record anew. The nearest of its texts:\n"
            f"recorded:  {_cut(near)}\nasked now: {_cut(text)}"
        )


def _cut(text: str) -> str:
    return repr(text if len(text) <= 300 else f"{text[:300]}…")
