"""`embeddings="minilm"`: Chroma's own ONNX copy of all-MiniLM-L6-v2, downloaded once, then run in this process."""

from __future__ import annotations

import logging
from pathlib import Path
from threading import Lock

from langchain_core.embeddings import Embeddings

from .stores.errors import ModelUnavailable

FOLDER = Path.home() / ".cache" / "chroma" / "onnx_models" / "all-MiniLM-L6-v2"
"""Where Chroma looks for the model, and downloads it to."""
_ARCHIVE = "https://chroma-onnx-models.s3.amazonaws.com/all-MiniLM-L6-v2/onnx.tar.gz"
_log = logging.getLogger("jitmem")
_told = False


class MiniLM(Embeddings):
    """384 dimensions; English above all. The first text that is embedded loads the model."""

    model = "all-MiniLM-L6-v2-onnx"

    def __init__(self) -> None:
        from chromadb.utils.embedding_functions.onnx_mini_lm_l6_v2 import ONNXMiniLM_L6_V2

        self._function = ONNXMiniLM_L6_V2()
        self._lock = Lock()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text, in order; `ModelUnavailable` where the model is not on the disk and cannot be downloaded."""
        if not texts:
            return []
        try:
            with self._lock:
                vectors = self._function(texts)
        except Exception as error:  # of httpx, tarfile and onnxruntime, which have no class in common
            if is_downloaded():
                raise
            raise ModelUnavailable(
                f"The model all-MiniLM-L6-v2 is not in {FOLDER} and cannot be downloaded ({type(error).__name__}). On a"
                f" machine with a network download {_ARCHIVE}, and put onnx.tar.gz into that folder."
            ) from error
        return [[float(value) for value in vector] for vector in vectors]

    def embed_query(self, text: str) -> list[float]:
        """The vector of a text, the same as `embed_documents` gives."""
        return self.embed_documents([text])[0]


def is_downloaded() -> bool:
    """Whether the model is on the disk."""
    return (FOLDER / "onnx" / "model.onnx").is_file()


def tell_once() -> None:
    """Say, once a process, that a model is there which the default does not use."""
    global _told
    if not _told:
        _told = True
        _log.warning('%s holds a model of meaning: embeddings="minilm" would use it instead of hashed words.', FOLDER)
