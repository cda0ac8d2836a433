"""What an agent stores through `as_store()` is found by recall and research as evidence of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from langchain_core.embeddings import Embeddings
from typer.testing import CliRunner

from jitmem import ItemOptions, Memory
from jitmem.cli.app import app
from jitmem.stores.errors import UnknownRecord

LOCKER = {"fact": "The locker code of Ana is zanzibar."}


@pytest.fixture
def stored(memory: Memory) -> Memory:
    memory.memorize("Ana: I sold the blue van to the baker.")
    memory.as_store().put(("user", "facts"), "locker", LOCKER)
    return memory


def test_recall_finds_it_with_the_id_of_its_entry(stored: Memory) -> None:
    hit = stored.recall("What is the locker code?")[0]
    assert (hit.page_id, str(hit.item_id).startswith("entry-")) == (None, True)
    assert hit.text == "fact: The locker code of Ana is zanzibar."
    assert [one.text for one in stored.recall("blue van baker")] == ["Ana: I sold the blue van to the baker."]


def test_research_cites_it(stored: Memory) -> None:
    result = stored.research("What is the locker code of Ana?")
    assert "zanzibar" in result.context
    assert [str(one.item_id)[:6] for one in result.citations if "zanzibar" in one.quote] == ["entry-"]


async def test_awaited_it_is_the_same(stored: Memory) -> None:
    assert await stored.arecall("locker code") == stored.recall("locker code")
    assert "zanzibar" in (await stored.aresearch("What is the locker code of Ana?")).context


def test_the_retriever_and_the_command_show_it(stored: Memory) -> None:
    [document, *_] = stored.as_retriever().invoke("locker code")
    assert (document.page_content, document.metadata["page_id"]) == ("fact: The locker code of Ana is zanzibar.", None)
    stored.flush()
    folder = stored._runtime.database.path.parent
    run = CliRunner().invoke(app, ["--memory", str(folder), "recall", "locker code"])
    assert (run.exit_code, "zanzibar" in run.stdout) == (0, True)


def test_it_follows_what_is_put_and_deleted(stored: Memory) -> None:
    store = stored.as_store()
    assert "zanzibar" in stored.research("What is the locker code of Ana?").context
    store.put(("user", "facts"), "locker", {"fact": "The locker code of Ana is marmalade."})
    context = stored.research("What is the locker code of Ana?").context
    assert ("marmalade" in context, "zanzibar" in context) == (True, False)
    store.delete(("user", "facts"), "locker")
    assert "marmalade" not in stored.research("What is the locker code of Ana?").context
    assert [hit.item_id for hit in stored.recall("locker code")] == [None]


def test_what_is_not_indexed_or_has_expired_is_not_found(memory: Memory) -> None:
    store = memory.as_store()
    store.put(("a",), "quiet", {"fact": "The locker code is zanzibar."}, index=False)
    store.put(("a",), "short", {"fact": "The locker code is marmalade."}, ttl=0)
    assert memory.recall("locker code") == []


def test_another_namespace_does_not_find_it(stored: Memory) -> None:
    other = stored.for_namespace("other")
    assert other.recall("locker code") == []
    assert "zanzibar" not in other.research("What is the locker code?").context
    item_id = stored.recall("locker code")[0].item_id
    with pytest.raises(UnknownRecord):
        other._runtime.archive.record(str(item_id))


@pytest.mark.parametrize("selector", [{"query": "zanzibar"}, {"everything": True}])
def test_what_is_forgotten_is_not_found(selector: dict[str, Any], stored: Memory) -> None:
    assert stored.forget(**selector).status == "erased"
    assert [hit for hit in stored.recall("locker code") if hit.item_id] == []


def test_it_can_be_switched_off(folder: Path) -> None:
    with Memory.open(folder, item_options=ItemOptions(store_entries=False)) as memory:
        memory.as_store().put(("a",), "locker", LOCKER)
        assert memory.recall("locker code") == []
        assert "zanzibar" not in memory.research("What is the locker code?").context
        assert memory.as_store().search(("a",), query="locker")[0].value == LOCKER


def test_an_entry_with_few_words_of_the_query_does_not_outrank_the_pages(stored: Memory) -> None:
    store = stored.as_store()
    for number in range(30):
        store.put(("noise",), str(number), {"note": f"The colour number {number} of the van is listed."})
    assert stored.recall("Who bought the blue van from Ana, the baker or the mason?")[0].page_id is not None


def test_nothing_is_loaded_where_nothing_is_stored(memory: Memory) -> None:
    sys.modules.pop("jitmem.integrations.entry_recall", None)
    memory.memorize("Ana: I sold the blue van.")
    memory.recall("van")
    memory.research("What did Ana sell?")
    assert "jitmem.integrations.entry_recall" not in sys.modules


class Meanings(Embeddings):
    """Two meanings: of locks, and of everything else."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return [1.0, 0.1] if any(word in text for word in ("locker", "cupboard")) else [0.1, 1.0]


def test_with_embeddings_of_meaning_no_word_need_be_shared(folder: Path) -> None:
    with Memory.open(folder, embeddings=Meanings()) as memory:
        memory.memorize("Ana: I sold the blue van to the baker.")
        memory.as_store().put(("a",), "locker", LOCKER)
        memory.as_store().put(("a",), "tea", {"fact": "Ben drinks green tea."})
        assert memory.recall("secret of the cupboard")[0].text == "fact: The locker code of Ana is zanzibar."
