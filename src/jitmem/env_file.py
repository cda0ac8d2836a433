"""Read settings from `./.env`, which may have come with a cloned folder, or from the file that JITMEM_ENV_FILE names.

`./.env` never decides where text goes: it has no say in models, addresses, proxies and traces, and the memory that it
names lies below its own folder. Values are taken as they are written.
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

from .stores.database_urls import is_database_url
from .stores.errors import BadInput

FILE = "JITMEM_ENV_FILE"
LOCAL = ("JITMEM_MEMORY", "JITMEM_NAMESPACE", "JITMEM_TIMEOUT", "JITMEM_ON_MODEL_FAILURE", "JITMEM_EFFORT")
"""Settings that a `.env` may make."""
KEYS = (
    *("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AZURE_OPENAI_API_KEY", "COHERE_API_KEY", "DEEPSEEK_API_KEY"),
    *("FIREWORKS_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY", "GROQ_API_KEY", "HUGGINGFACEHUB_API_TOKEN", "HF_TOKEN"),
    *("MISTRAL_API_KEY", "NVIDIA_API_KEY", "OLLAMA_API_KEY", "OPENROUTER_API_KEY", "PPLX_API_KEY"),
    *("TOGETHER_API_KEY", "UPSTAGE_API_KEY", "XAI_API_KEY"),
)
"""Keys of providers, which a `.env` may hold."""
DESTINATIONS = (
    *("JITMEM_MODEL", "JITMEM_MEMORIZER_MODEL", "JITMEM_RESEARCHER_MODEL", "JITMEM_EMBEDDINGS", "JITMEM_BASE_URL"),
    *("JITMEM_EMBEDDINGS_BASE_URL", "JITMEM_PROMPTS", "JITMEM_TRACE_CONTENT", "OPENAI_BASE_URL", "OPENAI_API_BASE"),
)
"""What decides where text goes and what a model is told; read only from the file that JITMEM_ENV_FILE names."""
# Of other names, those are reported that somebody may expect to be read; never printed is a name in other characters.
_EXPECTED = re.compile(
    r"(JITMEM|OPENAI|ANTHROPIC|AZURE_OPENAI|OLLAMA|LANGSMITH|LANGCHAIN|LANGGRAPH|OTEL)_[A-Z0-9_]+"
    r"|[A-Z0-9_]+_(PROXY|ENDPOINT|BASE_URL|API_BASE|HOST)",
    re.ASCII | re.I,
)


def load_env_file(folder: Path | None = None) -> str:
    """Add what `.env` in the folder (default: the current one) may set to the environment, which takes precedence.

    JITMEM_ENV_FILE names a file to read in its place, in which models and addresses count too. The report is one line:
    the file, the names that were added, and those that were left out, never a value; "" if nothing is to be said.
    `BadInput` for a file with an invalid line, or a memory outside of the folder; then none of it is used.
    """
    own = os.environ.get(FILE, "").strip()
    path = Path(own) if own else (Path.cwd() if folder is None else folder) / ".env"
    allowed = (*LOCAL, *KEYS, *(DESTINATIONS if own else ()))
    values = _read_values(path, required=bool(own))
    added = {name: value for name, value in values.items() if name in allowed and name not in os.environ}
    for name, value in added.items():
        if "${" in value:
            raise BadInput(f"{path}: {name} holds ${{…}}, which is not expanded; write its value.")
    if not own:
        _check_memory_below(path, added.get("JITMEM_MEMORY", "").strip())
    os.environ.update(added)
    return _report(path, list(added), [name for name in values if name not in allowed and name not in os.environ])


def _read_values(path: Path, *, required: bool) -> dict[str, str]:
    """Names and values of the file, empty values left out; {} for none: some keep an environment in a folder `.env`."""
    try:
        if not required and not path.is_file():  # a folder, or a pipe that never ends
            return {}
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{path}, line {line}: this is not UTF-8; save the file as UTF-8 text.") from error
    from dotenv.parser import parse_stream

    values = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.error or "\0" in binding.original.string:
            # A statement begins with the empty lines before it.
            line = binding.original.line + len(binding.original.string) - len(binding.original.string.lstrip("\n"))
            raise BadInput(f"{path}, line {line}: this cannot be read; write NAME=value, or NAME='a value'.")
        if binding.key and binding.value:
            values[binding.key] = binding.value
    return values


def _check_memory_below(path: Path, memory: str) -> None:
    """A memory elsewhere may be another one of the user's, or a network share."""
    folder = path.parent.resolve()
    if memory and (is_database_url(memory) or not (folder / memory).resolve().is_relative_to(folder)):
        raise BadInput(f"{path}: JITMEM_MEMORY must lie in this folder; --memory may name any other.")


def _report(path: Path, added: list[str], left: list[str]) -> str:
    parts = [f"{path} sets {', '.join(added)}"] if added else []
    if ignored := [name for name in left if _EXPECTED.fullmatch(name)]:
        why = f"where text goes is set in the environment, by options, or in the file that {FILE} names"
        parts.append(f"{path} may not set {', '.join(ignored)} ({why})")
    return "; ".join(parts)
