"""Integrate and reflect in one answer, by the rules of the two."""

from __future__ import annotations

from ...stores.index.snapshot import Snapshot
from ..integrate import ConcludeQuestion, Conclusion
from ..reflect import ReflectQuestion
from .integrate import integrate
from .reflect import reflect


def conclude(snapshot: Snapshot, question: ConcludeQuestion) -> Conclusion:
    """The statements of `integrate`, and what `reflect` says of them."""
    integration = integrate(snapshot, question)
    reflection = reflect(
        snapshot,
        ReflectQuestion(
            question=question.question,
            needs=[],
            known=[
                {
                    "text": statement.text,
                    "citations": [{"page_id": source.page_id, "item_id": None} for source in statement.sources],
                }
                for statement in integration.statements
            ],
            evidence=question.evidence,
            asked=question.asked,
            snapshot=snapshot,
        ),
    )
    return Conclusion(statements=integration.statements, **reflection.model_dump())
