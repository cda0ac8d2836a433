"""The calls that a writer makes, and that its caller makes once more when the writer is dead."""

from __future__ import annotations

from langgraph.store.base import PutOp

from jitmem import Memory
from jitmem.stores.records import Outcome

from . import plan


def item_step(memory: Memory, n: int, at: int, item_id: str, change: int) -> Outcome:
    """Step `at` of `plan.STEPS` on item `n`; id and newest change are those of the step before."""
    content = plan.item_versions(n)[at]
    if at == 0:
        return memory.items.insert(str(content))
    if at == 1:
        return memory.items.update(item_id, content, expected_version=1)
    if at == 2:
        return memory.items.delete(item_id)
    return memory.items.undo(change)


def propose(memory: Memory, n: int) -> Outcome:
    """Through the tool, as a model does that may only propose."""
    (insert,) = memory.tools(["memory_insert"], mode="propose")
    args = {"kind": "semantic", "content": plan.proposal_words(n)}
    outcome: Outcome = insert.invoke({"type": "tool_call", "id": "1", "name": insert.name, "args": args}).artifact
    return outcome


def approved(n: int) -> bool:
    """Odd ones are turned down."""
    return n % 2 == 0


def decide(memory: Memory, n: int, number: int) -> None:
    """As `approved` has it."""
    if approved(n):
        outcome = memory.admin.approve(number)
        assert outcome.status == "applied", outcome
        assert outcome.item is not None
        assert outcome.item.content == plan.proposal_words(n)
    else:
        assert memory.admin.reject(number).decision == "rejected"


def put_batch(memory: Memory, n: int) -> None:
    """One transaction over two namespaces of a store."""
    memory.as_store().batch(
        [
            *(PutOp(plan.TRIPLE, side, plan.triple(n)) for side in plan.SIDES),
            PutOp(plan.EACH, str(n), {"n": n}),
            PutOp(plan.EACH, str(n - plan.KEPT), None),
        ]
    )
