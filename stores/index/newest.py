"""What a memory shows where no search has found anything: core, a passage of each of the newest pages, then the rest of them."""

from __future__ import annotations

from ..analyzer import stems
from ..records import Hit
from .snapshot import Snapshot

_PAGES = 12


def newest_passages(snapshot: Snapshot, chars: int) -> list[Hit]:
    """With score 0, at most so many characters: the core paragraph, of each of the newest pages the passage nearest to its
    memo, the newest page first, and then their other passages."""
    core = snapshot.core()
    first: list[Hit] = []
    if core is not None:
        first.append(Hit(None, 0, len(core.text), core.text, 0.0, {}, None, core.id, core.time))
    others: list[Hit] = []
    for page in reversed(snapshot.find_pages(newest=_PAGES)):
        passages = snapshot.passages(page, "", 0.0)
        memo = set(stems(page.memo))
        best = max(passages, key=lambda hit: len(memo & set(stems(hit.text))), default=None)
        first += [best] if best else []
        others += [hit for hit in passages if hit is not best]
    fitting: list[Hit] = []
    for hit in (*first, *others):
        chars -= len(hit.text)
        if chars < 0:
            break
        fitting.append(hit)
    return fitting
