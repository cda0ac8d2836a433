"""Create a LangChain model from a name such as `openai:gpt-4.1-mini`; providers are imported on demand."""

from __future__ import annotations

import os
import re
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit
from weakref import WeakValueDictionary

from .nodes.llm.ask import TIMEOUT_S
from .stores.errors import BadInput, MissingPackage, ModelUnavailable

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel

_OPENAI = "https://api.openai.com/v1"
_LOGIN = re.compile(r"(?:(?<=://)|^)[^/]*@")
# To name the missing package if langchain itself, which knows them, is not installed.
_PROVIDERS = (
    "anthropic azure_openai bedrock bedrock_converse cohere deepseek fireworks google_genai google_vertexai groq"
    " huggingface ibm litellm mistralai nvidia ollama openrouter perplexity together upstage xai"
).split()
_PACKAGES = {
    "azure_openai": "langchain-openai",
    "bedrock": "langchain-aws",
    "bedrock_converse": "langchain-aws",
    "nvidia": "langchain-nvidia-ai-endpoints",
}

_cache: WeakValueDictionary[tuple[object, ...], Any] = WeakValueDictionary()
_lock = threading.Lock()


def chat_model(
    model: str | BaseChatModel, *, base_url: str | None = None, timeout_s: float = TIMEOUT_S
) -> BaseChatModel:
    """`provider:name`; `openai` speaks to any compatible server (`base_url`, or `OPENAI_BASE_URL`).

    Models of `openai` are cached: the same arguments give the same object with its connections, while it is
    referenced. Models of a server other than OpenAI's answer at temperature 0; a model that was made elsewhere keeps its own. Models do not retry by themselves. A `ChatOpenAI` that was made elsewhere is copied, with connections
    for every event loop. Errors: `BadInput`, `MissingPackage`, `ModelUnavailable` (no key).
    """
    from langchain_core.language_models import BaseChatModel

    if isinstance(model, BaseChatModel):
        return _for_every_loop(model)
    provider, name = provider_and_name(model, "openai:gpt-4.1-mini")
    made: BaseChatModel
    if provider == "openai":
        address = _address(base_url)
        # Other servers only have chat completions; langchain-openai would choose the API by the model's name.
        others: dict[str, Any] = {"use_responses_api": False, "temperature": 0.0}  # llama.cpp's own default is 0.8
        own = {"stream_usage": True} if _is_openai(address) else others
        made = _openai("ChatOpenAI", name, address, timeout_s, **own)
    else:
        init = _langchain("langchain.chat_models", "init_chat_model", provider, model)
        which: dict[str, Any] = {"model": name, "model_provider": provider}
        if provider == "ollama":  # its own default is 0.8
            which["temperature"] = 0.0
        made = _init_model(init, which, validate_url(base_url), timeout_s)
    return made


def embedding_model(
    embeddings: str | Embeddings, *, base_url: str | None = None, timeout_s: float = TIMEOUT_S
) -> Embeddings:
    """As `chat_model`, for embeddings."""
    if not isinstance(embeddings, str):
        return embeddings
    if embeddings == "minilm":
        from .minilm import MiniLM

        return MiniLM()
    if embeddings == "multilingual":
        from .multilingual import MultilingualMiniLM

        return MultilingualMiniLM()
    provider, name = provider_and_name(embeddings, "openai:text-embedding-3-small")
    made: Embeddings
    if provider == "openai":
        # With check_embedding_ctx_length, it downloads a tokenizer file.
        made = _openai("OpenAIEmbeddings", name, _address(base_url), timeout_s, check_embedding_ctx_length=False)
    else:
        init = _langchain("langchain.embeddings", "init_embeddings", provider, embeddings)
        made = _init_model(init, {"model": name, "provider": provider}, validate_url(base_url), timeout_s)
    return made


def without_thinking(model: BaseChatModel) -> BaseChatModel:
    """A copy that asks its server to leave the thinking of a reasoning model out; other models as they are.

    A server that refuses the switch is asked without it (`nodes/llm/output_forms.py`).
    """
    kinds = {kind.__name__ for kind in type(model).__mro__}
    if "ChatOllama" in kinds:
        return model.model_copy(update={"reasoning": False})
    if "BaseChatOpenAI" not in kinds:
        return model
    if _is_openai(getattr(model, "openai_api_base", None)):
        return model.model_copy(update={"reasoning_effort": "minimal"})
    # vLLM, SGLang and llama.cpp pass these to the chat template: Qwen's has the first, DeepSeek's and Granite's the second.
    switch = {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}}
    own: dict[str, Any] = getattr(model, "extra_body", None) or {}
    return model.model_copy(update={"extra_body": {**own, **switch}, "reasoning_effort": "none"})


def provider_and_name(name: object, example: str) -> tuple[str, str]:
    """`"openai", "gpt-4.1-mini"`; `BadInput` with the example if it is not `provider:name`."""
    provider, colon, model = name.partition(":") if isinstance(name, str) else ("", "", "")
    if not (provider and colon and model):
        raise BadInput(f"{name!r} is not a model; write provider and name, such as {example!r}.")
    return provider, model


# -- servers of the OpenAI protocol ----------------------------------------------------------------------------


def _openai(kind: str, name: str, address: str | None, timeout_s: float, **own: Any) -> Any:
    try:
        import langchain_openai
    except ImportError as error:
        raise MissingPackage(
            "This model needs the package langchain-openai; install it with: pip install langchain-openai"
        ) from error
    from openai import OpenAIError

    from .connections import AsyncConnections, Connections

    make = getattr(langchain_openai, kind)
    address, login = _without_login(address)
    key = os.environ.get("OPENAI_API_KEY")
    if not key and not _is_openai(address):
        key = own["api_key"] = "none"  # a local server needs no key, but the package does
    with _lock:
        made = _cache.get((kind, name, address, login, timeout_s, key))
        if made is None:
            if "http_socket_options" in make.model_fields:
                own["http_socket_options"] = ()  # else it warns that proxies are not used
            try:
                made = make(
                    model=name,
                    base_url=address,
                    timeout=timeout_s,
                    max_retries=0,
                    openai_proxy=None,
                    http_client=Connections(login),
                    http_async_client=AsyncConnections(login),
                    **own,
                )
            except OpenAIError as error:
                raise ModelUnavailable(
                    f"No key for {name}: set OPENAI_API_KEY, or name the server that needs none (OPENAI_BASE_URL)."
                ) from error
            _cache[(kind, name, address, login, timeout_s, key)] = made
    return made


def _for_every_loop(model: BaseChatModel) -> BaseChatModel:
    """langchain-openai's default client keeps idle connections of a loop that has ended: the next call fails."""
    client = getattr(model, "root_async_client", None)
    own = ("http_async_client", "openai_proxy", "http_socket_options")
    if client is None or any(getattr(model, name, None) is not None for name in own):
        return model
    from .connections import AsyncConnections

    client = client.with_options(http_client=AsyncConnections())
    return model.model_copy(update={"root_async_client": client, "async_client": client.chat.completions})


def _address(base_url: str | None) -> str | None:
    """Where to send requests, in the order of langchain-openai; None leaves it to the package."""
    if base_url:
        return validate_url(base_url)
    variables = ("OPENAI_API_BASE", "OPENAI_BASE_URL")
    for variable in variables:
        if found := os.environ.get(variable):
            return validate_url(found, variable)
    # `OPENAI_BASE_URL=` may be in a .env file, and openai takes an empty value for an address.
    return _OPENAI if any(variable in os.environ for variable in variables) else None


def _without_login(address: str | None) -> tuple[str | None, tuple[str, str] | None]:
    """Split `http://user:password@host` into address and login: httpx logs addresses in full."""
    parts = urlsplit(address or "")
    if not (parts.username or parts.password):
        return address, None
    login = unquote(parts.username or ""), unquote(parts.password or "")
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])), login


def _is_openai(address: str | None) -> bool:
    host = urlsplit(address or _OPENAI).hostname or ""
    return host == "openai.com" or host.endswith(".openai.com")


def validate_url(base_url: str | None, called: str = "base_url") -> str | None:
    """The address without white space, or None; `BadInput` with a correction if it is not an http(s) address."""
    if not base_url:
        return None
    try:
        parts = urlsplit(base_url.strip())
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port)
    except ValueError:  # urllib's, for an invalid port or host
        usable = False
    if not usable:
        redacted = _LOGIN.sub("…@", base_url)
        right = redacted.rpartition("://")[2].strip(" /")
        shown = f"http://{right}" if redacted.count("://") == 0 and right else "http://localhost:8000/v1"
        raise BadInput(f"{called} {redacted!r} is not the address of a server; write one such as {shown!r}.")
    return base_url.strip()


# -- other providers -------------------------------------------------------------------------------------------


def _init_model(init: Any, which: dict[str, Any], base_url: str | None, timeout_s: float) -> Any:
    """A model made by langchain, with our timeout and without its own retries if its class has these options."""
    arguments = {**which, "base_url": base_url} if base_url else which
    try:
        made = init(**arguments)
        limits = _call_limits(type(made), timeout_s)
        return init(**arguments, **limits) if limits else made
    except ImportError as error:
        raise MissingPackage(f"{which['model']}: {_one_line(error)}") from error
    except ValueError as error:
        raise BadInput(f"{which['model']}: {_one_line(error)}") from error


def _call_limits(kind: Any, timeout_s: float) -> dict[str, Any]:
    fields = getattr(kind, "model_fields", {})
    known = {*fields, *(field.alias for field in fields.values())}
    wanted = {"timeout": timeout_s, "max_retries": 0, "client_kwargs": {"timeout": timeout_s}}  # the last is Ollama's
    return {name: value for name, value in wanted.items() if name in known}


def _langchain(module: str, function: str, provider: str, model: str) -> Any:
    try:
        return getattr(import_module(module), function)
    except ImportError as error:
        if provider not in _PROVIDERS:
            raise BadInput(
                f"{model!r}: there is no provider {provider!r}; known are openai, {', '.join(_PROVIDERS)}."
            ) from error
        package = _PACKAGES.get(provider, f"langchain-{provider.replace('_', '-')}")
        raise MissingPackage(
            f"{model} needs packages that are not installed; install them with: pip install langchain {package}"
        ) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
