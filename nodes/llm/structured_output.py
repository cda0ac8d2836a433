"""Ask a model for structured output: by a JSON schema, by a function to call, or by the prompt alone."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable
from pydantic import BaseModel

OutputFormat = Literal["json_schema", "function", "prompt"]

_KEPT = {"type", "enum", "anyOf", "$ref", "description", "items"}


def supported_formats(model: BaseChatModel) -> tuple[OutputFormat, ...]:
    """The output formats to try, strictest first. `prompt` works with every model: the form always stands in the system
    part as well."""
    if any(kind.__name__ == "BaseChatOpenAI" for kind in type(model).__mro__):
        return "json_schema", "function", "prompt"
    if type(model).bind_tools is not BaseChatModel.bind_tools:
        return "function", "prompt"
    return ("prompt",)


def bind_form(
    model: BaseChatModel, output_format: OutputFormat, answer: type[BaseModel], tools: Sequence[Mapping[str, Any]] = ()
) -> Runnable[Any, AIMessage]:
    """The model with the form of its reply, or with the tools that it may call, in the request."""
    if tools:
        return model.bind_tools([dict(tool) for tool in tools]) if output_format == "function" else model
    schema = strict_schema(answer.model_json_schema())
    if output_format == "json_schema":
        warnings.filterwarnings("ignore", message="This model does not support OpenAI's structured output")
        form = {"name": answer.__name__, "schema": schema, "strict": True}
        return model.bind(response_format={"type": "json_schema", "json_schema": form})
    if output_format == "function":
        function = {"name": answer.__name__, "description": _first_line(answer), "parameters": schema}
        return model.bind_tools([{"type": "function", "function": function}], tool_choice=answer.__name__)
    return model


def describe_tools(tools: Sequence[Mapping[str, Any]], output_format: OutputFormat) -> str:
    """What the system part says of the form, where the answer is made of tool calls."""
    if output_format == "function":
        return "Answer with tool calls alone, all of them at once; with none where nothing is to be done."
    lines = "\n".join(json.dumps(tool["function"], ensure_ascii=False) for tool in tools)
    form = '{"calls": [{"name": "…", "args": {…}}]}'
    return f"Answer with one JSON object of the form {form}, with no calls where nothing is to be done. The tools are:\n{lines}"


def truncated_reply(error: Exception) -> AIMessage | None:
    """The reply that the openai package raises instead of returning it, because it reached the model's limit."""
    completion: Any = getattr(error, "completion", None)
    if type(error).__name__ != "LengthFinishReasonError" or completion is None:
        return None
    spent = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    if completion.usage is not None:
        asked, answered = completion.usage.prompt_tokens, completion.usage.completion_tokens
        spent = {"input_tokens": asked, "output_tokens": answered, "total_tokens": asked + answered}
    text = completion.choices[0].message.content or ""
    return AIMessage(text, response_metadata={"finish_reason": "length"}, usage_metadata=spent)


def strict_schema(schema: Any) -> Any:
    """A JSON schema as strict servers want it: every property required, none other allowed, no limits and defaults
    (which some servers turn down); pydantic checks those when the reply is read."""
    if isinstance(schema, list):
        return [strict_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: strict_schema(value) for key, value in schema.items() if key in _KEPT}
    for group in ("properties", "$defs"):
        if group in schema:
            kept[group] = {name: strict_schema(part) for name, part in schema[group].items()}
    if "properties" in kept:
        kept |= {"required": list(kept["properties"]), "additionalProperties": False}
    return kept


def _first_line(answer: type[BaseModel]) -> str:
    return (answer.__doc__ or answer.__name__).strip().splitlines()[0]
