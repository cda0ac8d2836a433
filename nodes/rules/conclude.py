"""Integrate and reflect in one answer, by the rules of the two."""

from __future__ import annotations

from ...stores.archive import Archive
from ..integrate import ConcludeQuestion, Conclusion
from ..reflect import ReflectQuestion
from .integrate import integrate
from .reflect import reflect

_LOOKED_AT = 50  # passages from the top


def conclude(archive: Archive, question: ConcludeQuestion) -> Conclusion:
    """The statements of `integrate`, and what `reflect` says of them."""
    integration = integrate(archive, question)
    reflection = reflect(
        archive,
        ReflectQuestion(
            question=question.question,
            needs=[],
            known=[
                {"text": statement.text, "citations": [{"page_id": source.page_id} for source in statement.sources]}
                for statement in integration.statements
            ],
            evidence=question.evidence[:_LOOKED_AT],
            asked=question.asked,
        ),
    )
    return Conclusion(statements=integration.statements, **reflection.model_dump())
