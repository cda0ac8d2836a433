"""Classify a provider's error: retry, shorten the prompt, try the next output format, or give up."""

from __future__ import annotations

import json
import re
import time
import traceback
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from langchain_core.exceptions import ContextOverflowError
from langchain_core.exceptions import ModelError as LangChainModelError

from ...stores.errors import JitmemError, ModelRefused, PromptTooLong
from .output_forms import LEFT_OUT
from .redaction import redact
from .retry import ProviderFailure, RetryAction

_TOO_LONG = re.compile(
    r"context_length_exceeded|context (?:length|window|size)|maximum (?:context|number of tokens|input)|too many (?:input )?tokens"
    r"|(?:prompt|input|request) is too (?:long|large)|reduce the length|too long\b|context_size|max_position_embeddings"
    r"|longer than the (?:maximum )?model|max_new_tokens|max_tokens\b.{0,40}too large|input length should"
    r"|(?:tokens?|prompt|input)\b.{0,30}\bexceed(?:s|ed)?\b.{0,30}\b(?:limit|length)",
    re.I,
)
_FILTERED = re.compile(r"content[_ ]?filter|content management policy|content_policy|responsibleai", re.I)
_FORM = re.compile(
    r"response_format|json[_ ]schema|json[_ ]object|json mode|structured output|guided|grammar|\btools?\b|tool[_ ]choice"
    r"|tool[_ ]calls?\b|function call|stream_options|system (?:role|message|prompt)|'system'|roles must alternate",
    re.I,
)
_SEARCHED_CHARS = 5000
_FORM_PARAMETERS = (
    *("response_format", "text.format", "tools", "tool_choice", "functions", "stream_options", "parallel"),
    *("reasoning", "chat_template_kwargs", *LEFT_OUT),
)
_QUOTA_USED_UP = re.compile(r"insufficient_quota|billing|exceeded your current quota", re.I)
_CONNECTION = {"httpx", "httpx2", "httpcore", "httpcore2", "h11", "anyio", "aiohttp", "requests", "urllib3"}
_UNREACHABLE = {"APIConnectionError", "APITimeoutError", "APIError", "APIResponseValidationError"}
_ADVICE = {
    401: "the key was not accepted; set the provider's key, such as OPENAI_API_KEY",
    403: "the key may not use this model",
    404: "the server does not know this model or path; check the model's name and the base_url",
    413: "the request is larger than the server allows",
}


def classify_error(error: Exception, model: str) -> ProviderFailure | None:
    """`None` for an error that does not come from a provider: a mistake in our code or the caller's, which rises as it is."""
    if isinstance(error, AssertionError | JitmemError):
        return None
    status, said = _status(error), _message(error)
    codes = f"{said} {getattr(error, 'code', '')} {type(error).__name__}"
    if isinstance(error, ContextOverflowError) or (status in (None, 400, 413, 422, 500) and _TOO_LONG.search(said)):
        return ProviderFailure(
            RetryAction.SHORTER_PROMPT, f"{model} has no room for the prompt: {said}", PromptTooLong, status=status
        )
    if _FILTERED.search(codes) and status in (None, 400, 403):
        return ProviderFailure(
            RetryAction.GIVE_UP, f"A content filter of {model} stopped the request: {said}", ModelRefused
        )
    if isinstance(error, TimeoutError) or "timeout" in type(error).__name__.lower():
        return ProviderFailure(RetryAction.RETRY, f"{model} did not answer in time.")
    if status is not None:
        return _by_status(error, status, said, model)
    if isinstance(error, LangChainModelError):
        action = RetryAction.RETRY if error.is_retryable else RetryAction.GIVE_UP
        return ProviderFailure(action, f"{model} failed: {said}")
    if _is_broken_connection(error) or (isinstance(error, RuntimeError) and str(error) == "Event loop is closed"):
        return ProviderFailure(RetryAction.RETRY, f"The connection to {model} failed: {said}")
    if _is_from_a_package(error):
        message = f"{model} sent something that is no answer of its protocol: {said}"
        return ProviderFailure(RetryAction.RETRY, message, status=500)  # as a server that fails says nothing else
    return None


def _by_status(error: Exception, status: int, said: str, model: str) -> ProviderFailure:
    if status == 429 and _QUOTA_USED_UP.search(f"{said} {getattr(error, 'code', '')}"):
        return ProviderFailure(RetryAction.GIVE_UP, f"The quota for {model} is used up (429): {said}")
    concerns_form = bool(_FORM.search(str(error)[:_SEARCHED_CHARS]))
    if status in (408, 409, 425, 429) or status >= 500:
        # llama.cpp's servers answer 500 to a form that they do not know.
        action = RetryAction.NEXT_FORMAT if status == 501 or (status == 500 and concerns_form) else RetryAction.RETRY
        message = f"{model} failed with status {status}: {said}"
        return ProviderFailure(action, message, wait_s=retry_after(error), status=status)
    if status in (400, 422) or (status in (404, 405, 415) and concerns_form):
        parameter = getattr(error, "param", None)
        if isinstance(parameter, str) and parameter not in said:
            said = f"{said} ({parameter})"
        other = isinstance(parameter, str) and not parameter.startswith(_FORM_PARAMETERS) and not concerns_form
        action = RetryAction.GIVE_UP if other else RetryAction.NEXT_FORMAT
        return ProviderFailure(action, f"{model} turned the request down ({status}): {said}", status=status)
    advice = _ADVICE.get(status, "the server does not accept the request")
    return ProviderFailure(RetryAction.GIVE_UP, f"{model}: {advice} ({status}): {said}", status=status)


def retry_after(error: Exception) -> float | None:
    """Seconds that the server asks to wait: `retry-after-ms`, or `Retry-After` as seconds or a date."""
    headers = getattr(getattr(error, "response", None), "headers", None)
    if not isinstance(headers, Mapping):
        return None
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = str(headers.get(name, "")).strip()
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return float(value) / unit
    try:
        return max(0.0, parsedate_to_datetime(str(headers.get("retry-after", ""))).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _status(error: Exception) -> int | None:
    """The HTTP status, wherever the provider's package keeps it."""
    response = getattr(error, "response", None)
    for place in (error, response):
        for name in ("status_code", "http_status", "code"):
            value = getattr(place, name, None)
            if isinstance(value, int) and 400 <= value < 600:
                return value
    if isinstance(response, Mapping):  # botocore
        value = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return value if isinstance(value, int) else None
    return None


def _message(error: Exception) -> str:
    """What the provider says, on one line, without the key that some repeat."""
    words: Any = getattr(error, "message", None) or str(error) or type(error).__name__
    return redact(" ".join(str(words).split()))[:300]


def _is_broken_connection(error: Exception) -> bool:
    if isinstance(error, ConnectionError):
        return True
    kinds = [kind for kind in type(error).__mro__ if kind.__module__ != "builtins"]
    return any(kind.__module__.partition(".")[0] in _CONNECTION or kind.__name__ in _UNREACHABLE for kind in kinds)


def _is_from_a_package(error: Exception) -> bool:
    """Whether a provider's package failed to parse what the server sent: `'str' object has no attribute 'choices'`."""
    if not isinstance(error, AttributeError | TypeError | LookupError | ValueError):
        return False
    last = list(traceback.walk_tb(error.__traceback__))[-1:]
    frames = [(str(frame.f_globals.get("__name__")), frame.f_code.co_filename) for frame, _ in last]
    return isinstance(error, json.JSONDecodeError) or any(
        "-packages" in file and (not name.startswith("langchain_core") or isinstance(error, IndexError))
        for name, file in frames
    )
