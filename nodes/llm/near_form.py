"""Bring an answer that is nearly of the form into it: other names of keys, one value for a list, numbers as words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .json_text import SCHEMA_KEYS

_NUMBER = re.compile(r"\d+")
_NUMBERS_ALONE = re.compile(r"[\d\s,;.\[\]()]*")


def fit(value: Any, schema: Mapping[str, Any], definitions: Mapping[str, Any] | None = None) -> Any:
    """The value as a JSON Schema of ours wants it, as far as no doubt is left what was meant; what fits stays as it is."""
    definitions = schema.get("$defs", {}) if definitions is None else definitions
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        return value if value is None else fit(value, schema["anyOf"][0], definitions)
    if "enum" in schema and isinstance(value, str):
        return next((one for one in schema["enum"] if _fold(one) == _fold(value)), value)
    kind = schema.get("type")
    if kind == "object" and isinstance(value, dict):
        return _fit_object(value, schema, definitions)
    if kind == "array":
        return _fit_list(value, schema["items"], definitions)
    if kind == "string":
        return _as_text(value)
    if kind == "integer" and isinstance(value, str):
        numbers = _NUMBER.findall(value) if _NUMBERS_ALONE.fullmatch(value) else ()
        return int(numbers[0]) if len(numbers) == 1 else value
    return value


def _fit_object(
    value: Mapping[str, Any], schema: Mapping[str, Any], definitions: Mapping[str, Any]
) -> Mapping[str, Any]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    names = {_fold(name): name for name in properties}
    known = {name: one for key, one in value.items() if (name := names.get(_fold(key)))}
    known |= {name: value[name] for name in properties if name in value}
    others = {key: one for key, one in value.items() if _fold(key) not in names}
    missing = [name for name in schema.get("required", ()) if name not in known]
    if known and len(missing) == 1:
        name, wanted = missing[0], properties[missing[0]]
        item = wanted.get("items", {})
        item = definitions[item["$ref"].rpartition("/")[2]] if "$ref" in item else item
        alike = [one for one in others.values() if _is_of(one, wanted)]
        if item.get("required") and all(one in others for one in item["required"]):
            known[name] = [others]
        elif len(alike) == 1:
            known[name] = alike[0]
    fitted = {name: fit(one, properties[name], definitions) for name, one in known.items()}
    return {**others, **{name: one for name, one in fitted.items() if one is not None or name in missing}}


def _fit_list(value: Any, item: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
    if value is None or (isinstance(value, str) and not value.strip()):
        return []
    if isinstance(value, str) and item.get("type") == "integer" and _NUMBERS_ALONE.fullmatch(value):
        value = _NUMBER.findall(value)
    if isinstance(value, int | float) and item.get("type") == "string":  # a count of what was to be told
        return value
    values = value if isinstance(value, list) else [value]
    if "$ref" in item:
        values = [one for one in values if isinstance(one, dict)] or values
    return [fit(one, item, definitions) for one in values]


def _as_text(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    if isinstance(value, dict) and len(value) == 1 and SCHEMA_KEYS.isdisjoint(value):
        (one,) = value.values()
        return one if isinstance(one, str) else value
    return value


def _is_of(value: Any, schema: Mapping[str, Any]) -> bool:
    kinds = {"string": str, "boolean": bool, "array": list, "integer": int, "object": dict}
    return isinstance(value, kinds.get(str(schema.get("type")), ()))


def _fold(name: str) -> str:
    return re.sub(r"[\W_]", "", str(name)).casefold()
