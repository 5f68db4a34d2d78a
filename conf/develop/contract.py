"""The contract of each API version (`docs/openapi/v2.json`), and the detection of breaking changes.

A change is breaking if a client written for the previous contract can fail: a route, parameter or field was removed, an
input is no longer accepted, or a response is of another type. Additions are not breaking: new routes, new fields of
responses, new values of an enum, new optional parameters.
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
    """Return the contracts of the application's present routes, by version."""
    routes = handlers(app)
    return {version: reference.document(routes, version) for version in sorted(reference.versions(routes))}


def committed() -> dict[int, Any]:
    """Return the contracts in `docs/openapi`, by version."""
    return {int(path.stem[1:]): json.loads(path.read_text()) for path in sorted(FOLDER.glob("v*.json"))}


def write(contracts: dict[int, Any]) -> list[Path]:
    """Write the contracts to `docs/openapi`, and delete those of other versions. Returns the changed files."""
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
    """Return the breaking changes between two contracts, one line for each."""
    return list(_Comparison(before, after).paths())


@dataclass(frozen=True)
class _Position:
    """A position in a contract.

    For inputs, the new contract must accept everything that the old one did. For outputs, the new contract must not
    allow anything that the old one did not.
    """

    is_input: bool
    where: str
    """Its name in messages."""

    def at(self, part: str) -> "_Position":
        return _Position(self.is_input, f"{self.where}.{part}")


class _Comparison:
    def __init__(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        self._before, self._after = before, after
        self._comparing: set[tuple[str, str, bool]] = set()
        """References that are being compared now, as schemas may be recursive."""

    def paths(self) -> Iterator[str]:
        after: dict[str, dict[str, Any]] = {}
        for path, operations in self._after["paths"].items():  # paths may differ only in the names of their parameters
            after.setdefault(_without_names(path), {}).update(operations)
        for path, operations in self._before["paths"].items():
            for method, operation in operations.items():
                name = f"{method.upper()} {path}"
                other = after.get(_without_names(path), {}).get(method)
                if other is None:
                    yield f"{name} was removed"
                else:
                    if operation.get("operationId") != other.get("operationId"):
                        yield f"{name}: the operationId is now {other.get('operationId')}, which generated clients use"
                    if _is_public(operation) and not _is_public(other):
                        yield f"{name}: it now requires sign-in"
                    yield from self._parameters(name, operation, other)
                    yield from self._body(name, operation.get("requestBody"), other.get("requestBody"))
                    yield from self._responses(name, operation["responses"], other["responses"])

    def _parameters(self, name: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
        old = {_identity(parameter, before): parameter for parameter in before.get("parameters", ())}
        new = {_identity(parameter, after): parameter for parameter in after.get("parameters", ())}
        for key, parameter in old.items():
            if key not in new:
                yield f"{name}: the parameter {parameter['name']} was removed"
            else:
                position = _Position(True, f"{name}: {parameter['name']}")
                yield from self._schema(parameter["schema"], new[key]["schema"], position)
        for key, parameter in new.items():
            if parameter.get("required") and not old.get(key, {}).get("required"):
                yield f"{name}: the parameter {parameter['name']} is now required"

    def _body(self, name: str, before: Any, after: Any) -> Iterator[str]:
        if before is None:
            if after is not None and after.get("required"):
                yield f"{name}: a request body is now required"
            return
        if after is None:
            yield f"{name} no longer accepts a request body"
            return
        if after.get("required") and not before.get("required"):
            yield f"{name}: a request body is now required"
        yield from self._content(f"{name}: body", before["content"], after["content"], is_input=True)

    def _responses(self, name: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
        for status, response in before.items():
            if not status.startswith("2"):
                continue
            if status not in after:
                yield f"{name}: the response {status} was removed"
            else:
                old, new = response.get("content", {}), after[status].get("content", {})
                yield from self._content(f"{name}: {status}", old, new, is_input=False)

    def _content(self, where: str, before: Any, after: Any, *, is_input: bool) -> Iterator[str]:
        for kind, content in before.items():
            if kind not in after:
                yield f"{where}: the content type {kind} was removed"
            else:
                old, new = content.get("schema", {}), after[kind].get("schema", {})
                yield from self._schema(old, new, _Position(is_input, where))

    def _schema(self, before: Any, after: Any, position: _Position) -> Iterator[str]:
        references = (before.get("$ref", ""), after.get("$ref", ""), position.is_input)
        if all(references[:2]):
            if references in self._comparing:
                return
            self._comparing.add(references)
        old, new = _alternatives(before, self._before), _alternatives(after, self._after)
        # Each of the narrower alternatives must be covered by one of the wider ones.
        narrower, wider = (old, new) if position.is_input else (new, old)
        for one in narrower:
            candidates = [other for other in wider if _type_fits(one, other)]
            if not candidates:
                change = "no longer accepted" if position.is_input else "new"
                yield f"{position.where}: the type {_type(one)} is {change}"
            else:
                pairs = [(one, other) if position.is_input else (other, one) for other in candidates]
                changes = [list(self._alternative(*pair, position)) for pair in pairs]
                yield from min(changes, key=len)
        if all(references[:2]):
            self._comparing.discard(references)

    def _alternative(self, before: Any, after: Any, position: _Position) -> Iterator[str]:
        if removed := set(_values(before)) - set(_values(after)):
            if _values(after):
                yield f"{position.where}: the values {', '.join(sorted(map(str, removed)))} were removed"
        elif position.is_input and _values(after) and not _values(before):
            yield f"{position.where}: only certain values are now accepted"
        wider, narrower = (after, before) if position.is_input else (before, after)
        if wider.get("format") not in (None, narrower.get("format")):
            yield f"{position.where}: the format is now {after.get('format')}"
        if position.is_input:
            yield from _bounds(before, after, position)
            if "default" in before and before["default"] != after.get("default", before["default"]):
                yield f"{position.where}: the default is now {after['default']!r}"
        if "properties" in before or "properties" in after:
            yield from self._object(before, after, position)
        for part in ("items", "additionalProperties"):
            both = [schema.get(part, {}) for schema in (before, after)]
            if any(both) and all(isinstance(one, dict) for one in both):
                yield from self._schema(both[0], both[1], position.at("*"))

    def _object(self, before: Any, after: Any, position: _Position) -> Iterator[str]:
        old, new = before.get("properties", {}), after.get("properties", {})
        old_required, new_required = set(before.get("required", ())), set(after.get("required", ()))
        for name, schema in old.items():
            if name not in new:
                yield f"{position.where}: the field {name} was removed"
            else:
                yield from self._schema(schema, new[name], position.at(name))
        if position.is_input:
            for name in sorted(new_required - old_required):
                yield f"{position.where}: the field {name} is now required"
        else:
            for name in sorted(old_required & set(new) - new_required):
                yield f"{position.where}: the field {name} is no longer always present"


def _alternatives(schema: Any, document: Any) -> list[Any]:
    """Resolve references, and return the schemas of `anyOf` or `oneOf`, or else the schema alone."""
    while "$ref" in schema:
        _, _, path = schema["$ref"].partition("#/")
        schema = document
        for part in path.split("/"):
            schema = schema[part]
    parts = schema.get("anyOf") or schema.get("oneOf")
    return [one for part in parts for one in _alternatives(part, document)] if parts else [schema]


def _type(schema: Any) -> str:
    return str(schema.get("type", "anything"))


def _type_fits(narrow: Any, wide: Any) -> bool:
    types = _type(narrow), _type(wide)
    return types[0] == types[1] or types == ("integer", "number") or types[1] == "anything"


def _without_names(path: str) -> str:
    """Return the path without the names of its parameters."""
    return re.sub(r"\{\w+\}", "{}", path)


def _identity(parameter: Any, operation: Any) -> tuple[str, str]:
    """Return what identifies the parameter: its name or, for a path parameter, its position in the path."""
    if parameter["in"] != "path":
        return parameter["in"], parameter["name"].lower()
    in_path = [one["name"] for one in operation["parameters"] if one["in"] == "path"]
    return "path", str(in_path.index(parameter["name"]))


def _is_public(operation: Any) -> bool:
    """Whether it can be called without signing in."""
    return {} in operation.get("security", [{}])


def _values(schema: Any) -> list[Any]:
    return [schema["const"]] if "const" in schema else list(schema.get("enum", ()))


def _bounds(before: Any, after: Any, position: _Position) -> Iterator[str]:
    infinite = float("inf")
    for name in LOWER:
        if after.get(name, -infinite) > before.get(name, -infinite):
            yield f"{position.where}: {name} is now {after[name]}"
    for name in UPPER:
        if after.get(name, infinite) < before.get(name, infinite):
            yield f"{position.where}: {name} is now {after[name]}"
    for name in ("uniqueItems", "multipleOf"):
        if after.get(name) not in (None, False, before.get(name)):
            yield f"{position.where}: {name} is now {after[name]}"
    if after.get("pattern") not in (None, before.get("pattern")):
        yield f"{position.where}: the pattern is now {after['pattern']}"
    if after.get("additionalProperties") is False and before.get("additionalProperties") is not False:
        yield f"{position.where}: unknown fields are now refused"
