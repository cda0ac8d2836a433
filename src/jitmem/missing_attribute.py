"""What to say when a memory is passed where a part of it belongs, and is asked for what only that part has."""

from __future__ import annotations

_STORE = "The LangGraph store of a memory is memory.as_store(): store=memory.as_store()"
_RUNNABLE = "Runnables of a memory are memory.as_retriever(), memory.researcher and memory.memorizer"
_RETRIEVER = "The LangChain retriever of a memory is memory.as_retriever()"
_MIDDLEWARE = "The middleware of a memory is memory.middleware(): middleware=[memory.middleware()]"
_TOOL = "The tools of a memory are memory.tools(): tools=memory.tools()"
_CHECKPOINTER = "A memory keeps no checkpoints: use a checkpointer of LangGraph beside middleware=[memory.middleware()]"
_FILE = "A session is filed by memory.memorize(…), a memory item by memory.items.insert(…)"
_SEARCH = (
    "Passages are found by memory.recall(…), memory items by memory.items.search(…), answers by memory.research(…)"
)
_LIST = "Pages are listed by memory.pages(), memory items by memory.items.list()"
_DELETE = "Records are deleted by memory.forget(…), memory items by memory.items.delete(…)"

_HINTS = {
    _STORE: "put get batch list_namespaces supports_ttl ttl_config",
    _RUNNABLE: "invoke batch_as_completed transform with_config bind pipe get_name",
    _RETRIEVER: "get_relevant_documents similarity_search as_tool",
    _MIDDLEWARE: "state_schema before_agent before_model after_model after_agent wrap_model_call wrap_tool_call",
    _TOOL: "name description args args_schema func run",
    _CHECKPOINTER: "get_tuple put_writes get_next_version",
    _FILE: "add add_messages add_texts add_documents save save_context insert store_memory",
    _SEARCH: "search query find retrieve ask load_memory_variables",
    _LIST: "get_all list list_items",
    _DELETE: "delete delete_all clear remove reset",
}


def describe_missing(name: str) -> str:
    """The usual words of an AttributeError, with what is right where the name tells it."""
    plain = f"'Memory' object has no attribute '{name}'"
    hints = (hint for hint, names in _HINTS.items() if {name, name.removeprefix("a")} & set(names.split()))
    return ". ".join([plain, *hints][:2])
