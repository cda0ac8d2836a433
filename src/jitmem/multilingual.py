"""`embeddings="multilingual"`: a small model of meaning for fifty languages, run by fastembed in this process."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock
from typing import Any

from langchain_core.embeddings import Embeddings

from .stores.errors import BadInput, ModelUnavailable

MODEL = "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"


class MultilingualMiniLM(Embeddings):
    """384 dimensions. The first text that is embedded loads the model, and downloads it where it is not on the disk."""

    model = "paraphrase-multilingual-MiniLM-L12-v2-onnx"

    def __init__(self) -> None:
        try:
            import fastembed
        except ImportError as error:
            raise BadInput('embeddings="multilingual" needs a package: pip install fastembed') from error
        self._make = fastembed.TextEmbedding
        self._model: Any = None
        self._lock = Lock()
        # fastembed's own default is a folder for temporary files, which a restart empties.
        self.folder = Path(os.environ.get("FASTEMBED_CACHE_PATH") or Path.home() / ".cache" / "fastembed")

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text, in order; `ModelUnavailable` where the model is not on the disk and cannot be downloaded."""
        if not texts:
            return []
        with self._lock:
            if self._model is None:
                self._model = self._load()
            return [[float(value) for value in vector] for vector in self._model.embed(texts)]

    def embed_query(self, text: str) -> list[float]:
        """The vector of a text, the same as `embed_documents` gives."""
        return self.embed_documents([text])[0]

    def _load(self) -> Any:
        try:
            return self._make(model_name=MODEL, cache_dir=str(self.folder))
        except Exception as error:  # of huggingface_hub, requests and onnxruntime, which have no class in common
            raise ModelUnavailable(
                f"The model {MODEL} could not be loaded from {self.folder} or downloaded ({type(error).__name__}). On a"
                f" machine with a network run python -c \"import fastembed; fastembed.TextEmbedding('{MODEL}',"
                f" cache_dir='fastembed')\", and copy what is in that folder to {self.folder}."
            ) from error
