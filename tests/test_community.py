"""A loader of langchain-community feeds a memory; nothing of ours stands on that package."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from jitmem import Memory

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the package is sunset upstream, and says so at import
    loaders = pytest.importorskip("langchain_community.document_loaders", reason="needs jitmem[community]")


def test_what_a_loader_reads_is_filed_as_sessions_and_found(memory: Memory, tmp_path: Path) -> None:
    from jitmem.integrations.document_sessions import as_sessions

    (tmp_path / "van.txt").write_text("Ana sold the blue van to Ben for 2,400 euros.")
    (tmp_path / "mill.txt").write_text("The mill has a new roof since May.")
    documents = [
        document for name in ("van.txt", "mill.txt") for document in loaders.TextLoader(str(tmp_path / name)).load()
    ]
    filed = memory.memorize_many(as_sessions(documents))
    assert [one.session_id for one in filed] == [str(tmp_path / "van.txt"), str(tmp_path / "mill.txt")]
    assert [hit.text for hit in memory.recall("price of the van", k=1)] == [documents[0].page_content]
