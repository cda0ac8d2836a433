"""A model in this process as a LangChain chat model, so that the graphs run with its current weights."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from pydantic import PrivateAttr

from ...stores.errors import BadInput
from ...testing.stepped_model import Tool, as_openai
from ..capture.recorder import openai_messages
from .packages import trl


class Policy(BaseChatModel):
    """Replies with `model`, a causal language model of transformers, and `tokenizer`, whose chat template supports
    tools.

    Replies are sampled at `temperature` (0: greedy), at most `max_tokens` long, one at a time; with a `seed` the reply
    depends on the seed and the prompt alone, not on earlier requests.
    """

    model: Any
    tokenizer: Any
    max_tokens: int = 512
    temperature: float = 1.0
    seed: int | None = None
    name_: str = "policy"
    _lock: threading.Lock = PrivateAttr(default_factory=threading.Lock)

    @classmethod
    def load(cls, folder: str | Path, **settings: Any) -> Self:
        """From a folder of a training; `BadInput` where there is none. Nothing is downloaded."""
        path = Path(folder)
        if not (path / "config.json").is_file():
            raise BadInput(
                f"{path}: holds no model; give a folder with config.json, such as `jitmem learn grpo` writes."
            )
        transformers = trl().transformers
        tokenizer = transformers.AutoTokenizer.from_pretrained(path, local_files_only=True)
        model = transformers.AutoModelForCausalLM.from_pretrained(path, local_files_only=True)
        return cls(model=model.eval(), tokenizer=with_reply_parser(tokenizer), name_=path.name, **settings)

    @property
    def model_name(self) -> str:
        return self.name_

    @property
    def _llm_type(self) -> str:
        return "policy"

    def bind_tools(
        self, tools: Sequence[Tool], *, tool_choice: Any = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The chat template shows the tools; `tool_choice` is ignored."""
        return self.bind(tools=as_openai(tools), **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        prompt_ids: list[int] = self.tokenizer.apply_chat_template(
            [*openai_messages(messages)],
            tools=kwargs.get("tools"),
            add_generation_prompt=True,
            tokenize=True,
            return_dict=False,
        )
        with self._lock:
            reply_ids = self._generate_ids(prompt_ids)
        parsed = trl().parse_response(self.tokenizer, reply_ids, prefix=prompt_ids, tools=kwargs.get("tools"))
        calls = [
            {"name": call["function"]["name"], "args": arguments, "id": f"call_{uuid4().hex[:12]}", "type": "tool_call"}
            for call in parsed.get("tool_calls") or ()
            if isinstance(arguments := call["function"]["arguments"], dict)
        ]
        message = AIMessage(
            parsed.get("content") or "",
            tool_calls=calls,
            usage_metadata={
                "input_tokens": len(prompt_ids),
                "output_tokens": len(reply_ids),
                "total_tokens": len(prompt_ids) + len(reply_ids),
            },
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _generate_ids(self, prompt_ids: list[int]) -> list[int]:
        torch = trl().torch
        training = self.model.training
        self.model.eval()
        try:
            with torch.no_grad(), torch.random.fork_rng(enabled=self.seed is not None):
                if self.seed is not None:
                    torch.manual_seed(hash((self.seed, tuple(prompt_ids))) & 0x7FFFFFFF)
                drawing = {"do_sample": True, "temperature": self.temperature, "top_k": 0, "top_p": 1.0}
                ids = torch.tensor([prompt_ids], device=self.model.device)
                whole = self.model.generate(
                    input_ids=ids,
                    attention_mask=torch.ones_like(ids),
                    max_new_tokens=self.max_tokens,
                    pad_token_id=self.tokenizer.pad_token_id,
                    eos_token_id=self.tokenizer.eos_token_id,
                    **(drawing if self.temperature > 0 else {"do_sample": False}),
                )
        finally:
            self.model.train(training)
        reply_ids: list[int] = whole[0, len(prompt_ids) :].tolist()
        end = self.tokenizer.eos_token_id
        return reply_ids[: reply_ids.index(end) + 1] if end in reply_ids else reply_ids


def with_reply_parser(tokenizer: Any) -> Any:
    """The tokenizer, able to parse a reply with calls. `BadInput` for a chat template that TRL does not know."""
    if getattr(tokenizer, "response_template", None) or getattr(tokenizer, "response_schema", None):
        return tokenizer
    try:
        return trl().add_response_schema(tokenizer)
    except ValueError as error:
        raise BadInput(
            "How this model writes its calls is not known: its chat template is none of TRL's. Set"
            " `tokenizer.response_template` (see transformers' chat response parsing) and pass the tokenizer."
        ) from error
