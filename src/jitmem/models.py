"""From a name such as `openai:gpt-4.1-mini` to a LangChain model; providers are imported when they are named."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .stores.errors import BadInput, MissingPackage, ModelUnavailable

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel


def chat_model(model: str | BaseChatModel) -> BaseChatModel:
    """`provider:name`; `openai` speaks to any compatible server (`OPENAI_BASE_URL`)."""
    from langchain_core.language_models import BaseChatModel

    if isinstance(model, BaseChatModel):
        return model
    provider, name = _parts(model, "openai:gpt-4.1-mini")
    if provider == "openai":
        chat: BaseChatModel = _made(_class("langchain_openai", "ChatOpenAI"), model=name)
        return chat
    init: Any = _class("langchain.chat_models", "init_chat_model")
    try:
        made: BaseChatModel = init(name, model_provider=provider)
    except (ImportError, ValueError) as error:
        raise MissingPackage(f"{model}: {str(error).splitlines()[0]}") from error
    return made


def embedding_model(embeddings: str | Embeddings) -> Embeddings:
    """`provider:name`; `openai` speaks to any compatible server (`OPENAI_BASE_URL`)."""
    if not isinstance(embeddings, str):
        return embeddings
    provider, name = _parts(embeddings, "openai:text-embedding-3-small")
    if provider == "openai":
        # Without this, it downloads a tokenizer file.
        embedder: Embeddings = _made(
            _class("langchain_openai", "OpenAIEmbeddings"), model=name, check_embedding_ctx_length=False
        )
        return embedder
    init: Any = _class("langchain.embeddings", "init_embeddings")
    try:
        made: Embeddings = init(name, provider=provider)
    except (ImportError, ValueError) as error:
        raise MissingPackage(f"{embeddings}: {str(error).splitlines()[0]}") from error
    return made


def _parts(name: str, example: str) -> tuple[str, str]:
    provider, colon, model = name.partition(":")
    if not (provider and colon and model):
        raise BadInput(f"{name!r} is no model; write provider and name, such as {example!r}.")
    return provider, model


def _made(kind: Any, **arguments: Any) -> Any:
    """A model of langchain-openai, which asks for a key even where the server needs none."""
    from openai import OpenAIError

    try:
        return kind(**arguments)
    except OpenAIError as error:
        raise ModelUnavailable(
            f"No key for {arguments['model']}: set OPENAI_API_KEY (any word for a local server, with OPENAI_BASE_URL)."
        ) from error


def _class(module: str, name: str) -> Any:
    try:
        return getattr(import_module(module), name)
    except ImportError as error:
        package = module.partition(".")[0].replace("_", "-")
        raise MissingPackage(
            f"This model needs the package {package}; install it with: pip install {package}"
        ) from error
