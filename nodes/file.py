"""File the pages of a session: text, header, memo, passages, change log and journal in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from langgraph.runtime import Runtime

from ..stores.analyzer import stems
from ..stores.errors import UnknownRecord
from ..stores.index.snapshot import NamespaceStore
from ..stores.truth.journal import JournalEntry, PageDraft, PassageDraft
from .disk_full import disk_full_hint
from .options import MemorizeOptions, options_in
from .states import MemorizerState

_WAITS = "The session waits in the journal; resume(), or the same call, files it when there is room."


def file(archive: NamespaceStore, defaults: MemorizeOptions) -> Callable[..., dict[str, Any]]:
    """The node: drafts → pages with ids. A session that another process filed meanwhile is a duplicate; of one that
    was forgotten meanwhile nothing is kept, which `failures` says."""

    def node(state: MemorizerState, runtime: Runtime[Any]) -> dict[str, Any]:
        drafts = [_draft(page) for page in state["pages"]]
        try:
            time = datetime.fromisoformat(state["time"]) if state["time"] else None
            accepted = JournalEntry(state["journal"], state["session_id"], time, {})
            with disk_full_hint(archive.embeddings.database.path, _WAITS):
                filed = archive.journal.file(accepted, drafts, curate=options_in(runtime.context, defaults).curate)
        except UnknownRecord:
            told = f"Session {state['session_id']!r} was forgotten while it was being filed; nothing of it is kept."
            failure = {"step": "file", "error": "UnknownRecord", "message": told}
            return {"page_ids": [], "duplicate": False, "pages": [], "failures": [failure]}
        return {"page_ids": list(filed.page_ids), "duplicate": not filed.fresh, "pages": []}

    return node


def _draft(page: dict[str, Any]) -> PageDraft:
    passages = [
        PassageDraft(start, end, speaker, stems(page["text"][start:end])) for start, end, speaker in page["passages"]
    ]
    return PageDraft(page["text"], page["header"], page["memo"], page["title"], passages)
