"""What the caller of dead writers does: finish what waits, and make every call once more."""

from __future__ import annotations

from jitmem import Memory

from . import plan
from .calls import approved, decide, item_step, propose, put_batch
from .ledger import Ledger


def finish_sessions(memory: Memory, ledger: Ledger) -> None:
    """File what waits, and every session that was begun once more; the ledger then says that they are filed."""
    memory.resume()
    assert memory.stats()["waiting"] == 0
    numbers = sorted(set(ledger.sessions_begun))
    for n, filed in zip(numbers, memory.memorize_many(map(plan.session, numbers)), strict=True):
        if ledger.sessions.get(n) is None:
            ledger.done_session(n, list(filed.page_ids))
        assert ledger.sessions[n] == list(filed.page_ids), f"session {n} was filed anew"


def repeat_edits(memory: Memory, ledger: Ledger) -> None:
    """Make the last edit of everything once more, whether it was done or not; the ledger then says that it is."""
    for n, begun in ledger.items_begun.items():
        _repeat_item(memory, ledger, n, begun)
    for n, begun in ledger.proposals_begun.items():
        _repeat_proposal(memory, ledger, n, begun)
    if ledger.entry_begun >= 0:
        put_batch(memory, ledger.entry_begun)
        ledger.done_entry(ledger.entry_begun)


def _repeat_item(memory: Memory, ledger: Ledger, n: int, begun: int) -> None:
    """The step that was begun last. Where it had happened, the answer says that there is nothing to do."""
    at, item_id, change = ledger.items.get(n, (-1, "", 0))
    outcome = item_step(memory, n, begun, item_id, change)
    known = outcome.status in ("duplicate", "unknown_id") or (outcome.status == "rejected" and begun in (1, 3))
    assert outcome.status == "applied" or known, outcome
    assert outcome.status != "applied" or at < begun, f"item {n}: step {begun} was done, and is done again"
    if outcome.item is not None:
        item_id = outcome.item.id
    ledger.done_item(n, begun, item_id, outcome.change or change)


def _repeat_proposal(memory: Memory, ledger: Ledger, n: int, begun: int) -> None:
    """The step that was begun last; and what was approved is proposed once more. A no may be asked again, so it is not."""
    at, number = ledger.proposals.get(n, (-1, 0))
    if begun == 0:
        again = propose(memory, n).proposal
        assert again is not None
        assert at < 0 or again == number, f"proposal {n}: filed as {number}, and again as {again}"
        number = again
    else:
        decide(memory, n, number)
        if approved(n):
            outcome = propose(memory, n)
            assert outcome.status == "duplicate", outcome
    ledger.done_proposal(n, begun, number)
