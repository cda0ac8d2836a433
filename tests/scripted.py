"""A real chat model whose lines are written beforehand; it fails when it is asked once too often."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field


class ScriptedModel(BaseChatModel):
    """Replies by step: `lines["plan"]` are its replies to the step plan, in order. `seen` keeps what it was shown."""

    lines: dict[str, list[str]]
    seen: list[tuple[str, list[BaseMessage]]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        step = str((run_manager.metadata if run_manager else {}).get("jitmem_step"))
        self.seen.append((step, messages))
        if not self.lines.get(step):
            raise AssertionError(f"The model was asked once too often for {step!r}.")
        usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
        reply = AIMessage(self.lines[step].pop(0), usage_metadata=usage)  # type: ignore[arg-type]
        return ChatResult(generations=[ChatGeneration(message=reply)])
