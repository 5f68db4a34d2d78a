"""The contract of each version, `docs/openapi/v2.json`, and what would break it for the clients that rely on it.

Breaking is what a program written against the contract before would notice: a route, a parameter or a field that is
gone, a value that is no longer taken, an answer that is something else than was promised. More is no break: new routes,
new fields in answers, new values of an enum, new parameters that nobody need give.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conf.http import reference
from conf.http.index import handlers

if TYPE_CHECKING:
    from fastapi import FastAPI

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "openapi"
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")


def current(app: "FastAPI") -> dict[int, Any]:
    """The contracts that the routes of the application keep now, by version."""
    routes = handlers(app)
    return {version: reference.document(routes, version) for version in sorted(reference.versions(routes))}


def committed() -> dict[int, Any]:
    return {int(path.stem[1:]): json.loads(path.read_text()) for path in sorted(FOLDER.glob("v*.json"))}


def write(contracts: dict[int, Any]) -> list[Path]:
    """Put them into `docs/openapi`; the files that changed."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    changed = []
    for version, contract in contracts.items():
        path, text = FOLDER / f"v{version}.json", json.dumps(contract, indent=1, ensure_ascii=False) + "\n"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            changed.append(path)
    for path in FOLDER.glob("v*.json"):
        if int(path.stem[1:]) not in contracts:
            path.unlink()
            changed.append(path)
    return changed


def breaks(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Why clients of the one would break on the other, a line each."""
    return list(_Comparison(before, after).paths())


@dataclass(frozen=True)
class _Way:
    """Which way values go: what clients send may be taken more widely, what they get may be promised more narrowly."""

    is_input: bool
    where: str

    def at(self, part: str) -> "_Way":
        return _Way(self.is_input, f"{self.where}.{part}")


class _Comparison:
    def __init__(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        self._before, self._after = before, after
        self._open: set[tuple[str, str, bool]] = set()

    def paths(self) -> Iterator[str]:
        after: dict[str, dict[str, Any]] = {}
        for path, operations in self._after["paths"].items():  # two may differ in their parameters' names alone
            after.setdefault(_plain(path), {}).update(operations)
        for path, operations in self._before["paths"].items():
            for method, operation in operations.items():
                name = f"{method.upper()} {path}"
                other = after.get(_plain(path), {}).get(method)
                if other is None:
                    yield f"{name} is gone"
                else:
                    if operation.get("operationId") != other.get("operationId"):
                        yield f"{name} is called {other.get('operationId')} now, in generated clients too"
                    if _open(operation) and not _open(other):
                        yield f"{name}: one has to sign in now"
                    yield from self._parameters(name, operation, other)
                    yield from self._body(name, operation.get("requestBody"), other.get("requestBody"))
                    yield from self._answers(name, operation["responses"], other["responses"])

    def _parameters(self, name: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
        old = {_place(one, before): one for one in before.get("parameters", ())}
        new = {_place(one, after): one for one in after.get("parameters", ())}
        for key, one in old.items():
            if key not in new:
                yield f"{name}: the parameter {one['name']} is gone"
            else:
                yield from self._schema(one["schema"], new[key]["schema"], _Way(True, f"{name}: {one['name']}"))
        for key, one in new.items():
            if one.get("required") and not old.get(key, {}).get("required"):
                yield f"{name}: the parameter {one['name']} is required now"

    def _body(self, name: str, before: Any, after: Any) -> Iterator[str]:
        if before is None:
            if after is not None and after.get("required"):
                yield f"{name}: a body is required now"
            return
        if after is None:
            yield f"{name} takes no body any more"
            return
        if after.get("required") and not before.get("required"):
            yield f"{name}: a body is required now"
        yield from self._content(f"{name}: body", before["content"], after["content"], is_input=True)

    def _answers(self, name: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
        for status, answer in before.items():
            if not status.startswith("2"):
                continue
            if status not in after:
                yield f"{name}: the answer {status} is gone"
            else:
                old, new = answer.get("content", {}), after[status].get("content", {})
                yield from self._content(f"{name}: {status}", old, new, is_input=False)

    def _content(self, where: str, before: Any, after: Any, *, is_input: bool) -> Iterator[str]:
        for kind, content in before.items():
            if kind not in after:
                yield f"{where}: {kind} is gone"
            else:
                old, new = content.get("schema", {}), after[kind].get("schema", {})
                yield from self._schema(old, new, _Way(is_input, where))

    def _schema(self, before: Any, after: Any, way: _Way) -> Iterator[str]:
        pair = (before.get("$ref", ""), after.get("$ref", ""), way.is_input)
        if all(pair[:2]):
            if pair in self._open:
                return
            self._open.add(pair)
        old, new = _alternatives(before, self._before), _alternatives(after, self._after)
        # Each that must fit, with those of which one must take it.
        fitting, taking = (old, new) if way.is_input else (new, old)
        for one in fitting:
            candidates = [other for other in taking if _type_fits(one, other)]
            if not candidates:
                yield f"{way.where}: {_type(one)} is {'not taken any more' if way.is_input else 'new here'}"
            else:
                pairs = [(one, other) if way.is_input else (other, one) for other in candidates]
                found = [list(self._one(*each, way)) for each in pairs]
                yield from min(found, key=len)
        if all(pair[:2]):
            self._open.discard(pair)

    def _one(self, before: Any, after: Any, way: _Way) -> Iterator[str]:
        if gone := set(_values(before)) - set(_values(after)):
            if _values(after):
                yield f"{way.where}: the values {', '.join(sorted(map(str, gone)))} are gone"
        elif way.is_input and _values(after) and not _values(before):
            yield f"{way.where}: only some values are taken now"
        wanted, given = (after, before) if way.is_input else (before, after)
        if wanted.get("format") not in (None, given.get("format")):
            yield f"{way.where}: its format is {after.get('format')} now"
        if way.is_input:
            yield from _bounds(before, after, way)
            if "default" in before and before["default"] != after.get("default", before["default"]):
                yield f"{way.where}: the default is {after['default']!r} now"
        if "properties" in before or "properties" in after:
            yield from self._object(before, after, way)
        for part in ("items", "additionalProperties"):
            both = [schema.get(part, {}) for schema in (before, after)]
            if any(both) and all(isinstance(one, dict) for one in both):
                yield from self._schema(both[0], both[1], way.at("*"))

    def _object(self, before: Any, after: Any, way: _Way) -> Iterator[str]:
        old, new = before.get("properties", {}), after.get("properties", {})
        old_required, new_required = set(before.get("required", ())), set(after.get("required", ()))
        for name, schema in old.items():
            if name not in new:
                yield f"{way.where}: the field {name} is gone"
            else:
                yield from self._schema(schema, new[name], way.at(name))
        for name in sorted(new_required - old_required if way.is_input else old_required & set(new) - new_required):
            yield f"{way.where}: the field {name} is {'required now' if way.is_input else 'not always there any more'}"


def _alternatives(schema: Any, document: Any) -> list[Any]:
    """What it may be: one schema, or those of its `anyOf`, without references."""
    while "$ref" in schema:
        _, _, path = schema["$ref"].partition("#/")
        schema = document
        for part in path.split("/"):
            schema = schema[part]
    several = schema.get("anyOf") or schema.get("oneOf")
    return [one for part in several for one in _alternatives(part, document)] if several else [schema]


def _type(schema: Any) -> str:
    return str(schema.get("type", "anything"))


def _type_fits(narrow: Any, wide: Any) -> bool:
    types = _type(narrow), _type(wide)
    return types[0] == types[1] or types == ("integer", "number") or types[1] == "anything"


def _plain(path: str) -> str:
    """Whatever its parameters are called."""
    return re.sub(r"\{\w+\}", "{}", path)


def _place(parameter: Any, operation: Any) -> tuple[str, str]:
    """What one parameter is known by: its name, or in a path its place."""
    if parameter["in"] != "path":
        return parameter["in"], parameter["name"].lower()
    in_path = [one["name"] for one in operation["parameters"] if one["in"] == "path"]
    return "path", str(in_path.index(parameter["name"]))


def _open(operation: Any) -> bool:
    """Whether anybody may call it without signing in."""
    return {} in operation.get("security", [{}])


def _values(schema: Any) -> list[Any]:
    return [schema["const"]] if "const" in schema else list(schema.get("enum", ()))


def _bounds(before: Any, after: Any, way: _Way) -> Iterator[str]:
    infinite = float("inf")
    for name in LOWER:
        if after.get(name, -infinite) > before.get(name, -infinite):
            yield f"{way.where}: {name} is {after[name]} now"
    for name in UPPER:
        if after.get(name, infinite) < before.get(name, infinite):
            yield f"{way.where}: {name} is {after[name]} now"
    for name in ("uniqueItems", "multipleOf"):
        if after.get(name) not in (None, False, before.get(name)):
            yield f"{way.where}: {name} is {after[name]} now"
    if after.get("pattern") not in (None, before.get("pattern")):
        yield f"{way.where}: its pattern is {after['pattern']} now"
    if after.get("additionalProperties") is False and before.get("additionalProperties") is not False:
        yield f"{way.where}: other fields are refused now"
