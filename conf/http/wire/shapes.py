"""The protobuf message of each pydantic schema. `wire.proto` is generated from these descriptions, and the codec uses
them to build and read messages.

| schema | proto3 |
|---|---|
| `str`, `int`, `bool`, `float`, `bytes` | `string`, `int64`, `bool`, `double`, `bytes` |
| `Decimal`, `UUID`, `date`, `time`, `Literal` | `string`, as in JSON |
| `datetime`, `timedelta` | `google.protobuf.Timestamp`, `Duration` |
| an enum of strings | an enum whose value 0 is UNSPECIFIED |
| a model, `list[X]`, `dict[str, X]` | a message, `repeated`, `map` |
| `set[X]`, `frozenset[X]`, `tuple[X, ...]` | `repeated` |
| a list of lists | `repeated` of a message with `items` |
| a union of models with a `Literal` field as the discriminator | a message with a `oneof` |
| a computed field of a response | the type of its return value |
| `Any`, `dict[str, Any]` | `google.protobuf.Value`, `Struct` |
| `X | None`, or a default | `optional`; a list that may be absent is a message with `items` |
| a nullable field for which absent and null differ | a `oneof` of the value and `<name>_null` |
"""

import dataclasses
import datetime as dt
import enum
import functools
import re
import types
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel, EmailStr
from pydantic.fields import FieldInfo

from conf.http.schemas import Changes, Output
from conf.http.wire.unions import OneOf, member_name

SCALARS: dict[type, str] = {str: "string", int: "int64", bool: "bool", float: "double", bytes: "bytes"}
AS_TEXT = (Decimal, UUID, dt.date, dt.time)
WELL_KNOWN = {
    dt.datetime: "google.protobuf.Timestamp",
    dt.timedelta: "google.protobuf.Duration",
    Any: "google.protobuf.Value",
    dict: "google.protobuf.Struct",
}


LISTS = (list, set, frozenset)


class NotRepresentable(TypeError):
    """Protobuf cannot represent the schema. The message suggests an alternative."""


class Presence(enum.Enum):
    """How a field of a message is declared."""

    ALWAYS = enum.auto()
    OPTIONAL = enum.auto()
    CLEARABLE = enum.auto()
    """A field with three states: absent, null, or a value."""
    REPEATED = enum.auto()
    MAP = enum.auto()
    WRAPPED = enum.auto()
    """A list that may be absent. It is a message with `items`."""
    MEMBER = enum.auto()
    """A model of a union."""


@dataclass(frozen=True)
class Field:
    """A field of a message."""

    name: str
    type: Any
    """A key of `SCALARS` or `WELL_KNOWN`, one of `AS_TEXT`, an enum, or an argument of `message_of`."""
    presence: Presence
    null_if_absent: bool
    """Whether a field that is absent in the message is null in the JSON value. Otherwise it is omitted."""
    description: str
    key: str = ""
    """The name of the field in a JSON request body, if it differs from `name`."""
    is_computed: bool = False


@dataclass(frozen=True)
class Message:
    """A protobuf message."""

    name: str
    package: str
    """The package that contains its `wire.proto`, such as `cms.v1`."""
    fields: tuple[Field, ...]
    description: str


def message_of(kind: Any) -> Message:
    """Return the message of a model, a list, or a union of models. Raises: NotRepresentable."""
    return _message_of(without_rules(kind))


def without_rules(kind: Any) -> Any:
    """Return the type without its `Annotated` constraints. A union of models becomes a `OneOf`."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, types.UnionType):
        members = tuple(without_rules(member) for member in get_args(kind))
        if all(_is_model(member) for member in members):
            union = OneOf("Or".join(_name(member) for member in members), members)
            return union if union.has_tags else kind
    return kind


@functools.cache
def _message_of(kind: Any) -> Message:
    if isinstance(kind, OneOf):
        fields = tuple(Field(member_name(m), m, Presence.MEMBER, False, "") for m in kind.members)
        return Message(kind.name, package_of(kind.members[0]), fields, "")
    if get_origin(kind) in LISTS:
        item = _item(get_args(kind)[0], "Item")
        package = package_of(item) if _is_model(item) else ""
        return Message(list_name(item), package, (Field("items", item, Presence.REPEATED, False, ""),), "")
    if not _is_model(kind):
        raise NotRepresentable(f"{_type_name(kind)} is not a message. Declare a model with a field for each value.")
    sent = [(name, info) for name, info in kind.model_fields.items() if not info.exclude]
    computed = [(name, info.return_type) for name, info in kind.model_computed_fields.items()]
    return Message(
        _name(kind),
        package_of(kind),
        (*(_field(kind, name, info) for name, info in sent), *(_computed(kind, *one) for one in computed)),
        _doc(kind),
    )


def _computed(model: type[BaseModel], name: str, kind: Any) -> Field:
    field = _field(model, name, FieldInfo(annotation=kind))
    description = model.model_computed_fields[name].description or ""
    return dataclasses.replace(field, is_computed=True, description=description)


def package_of(kind: type[BaseModel]) -> str:
    """Return the package of a model: `cms.v1` for `cms.v1.schemas.Video` and for a page of them."""
    arguments = kind.__pydantic_generic_metadata__["args"]
    module = arguments[0].__module__ if arguments else kind.__module__
    return ".".join(module.split(".")[:2])


def type_name(kind: Any) -> str:
    """Return the name of the type in protobuf."""
    if kind in SCALARS:
        return SCALARS[kind]
    if kind in WELL_KNOWN:
        return WELL_KNOWN[kind]
    if is_enum(kind):
        return str(kind.__name__)
    return "string" if kind in AS_TEXT else _message_of(kind).name


def list_name(item: Any) -> str:
    """Return the name of the message that wraps a list: `VideoList`."""
    name = type_name(item).rpartition(".")[2]
    return f"{name[:1].upper()}{name[1:]}List"


def value_name(kind: type[enum.Enum], value: str = "unspecified") -> str:
    """Return the name of an enum's value in protobuf: `STATUS_NOT_PROCESSED`.

    The enum's name is the prefix because the values of all enums of a file share one namespace.
    """
    prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__)
    return re.sub(r"\W", "_", f"{prefix}_{value}").upper()


def field_types(kind: Any) -> Iterator[Any]:
    """Yield the enums and messages that are types of the message's fields."""
    for field in message_of(kind).fields:
        if field.presence is Presence.WRAPPED:
            yield list[field.type]  # type: ignore[name-defined]
        elif is_enum(field.type) or is_message(field.type):
            yield field.type


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, enum.Enum)


def is_message(kind: Any) -> bool:
    return _is_model(kind) or isinstance(kind, OneOf) or get_origin(kind) in LISTS


def _name(kind: type[BaseModel]) -> str:
    generic = kind.__pydantic_generic_metadata__
    if generic["origin"] is None:
        return kind.__name__
    return "".join(_name(argument) for argument in generic["args"]) + str(generic["origin"].__name__)


def _doc(kind: type[BaseModel]) -> str:
    generic = kind.__pydantic_generic_metadata__["origin"]
    return ((generic or kind).__dict__.get("__doc__") or "").strip()


def _field(model: type[BaseModel], name: str, info: FieldInfo) -> Field:
    where = f"{model.__name__}.{name}"
    own = f"{_name(model)}{name.title().replace('_', '')}"
    try:
        kind, nullable = _nullable(info.annotation)
        many, arguments = get_origin(kind), get_args(kind)
        required = info.is_required()
        if many in LISTS or (many is tuple and len(arguments) == 2 and arguments[1] is ...):
            inner = _item(arguments[0], own)
            may_be_absent = nullable or (not required and (issubclass(model, Changes) or not _defaults_to_empty(info)))
            presence = Presence.WRAPPED if may_be_absent else Presence.REPEATED
        elif many is dict and _bare(arguments[1], own) is not Any:
            inner, presence = _bare(arguments[1], own), Presence.MAP
            if nullable:
                raise NotRepresentable("A map cannot be null. Use an empty map.")
        else:
            inner = _bare(kind, own)
            distinguishes_null = nullable and not required and (issubclass(model, Changes) or info.default is not None)
            if distinguishes_null:
                presence = Presence.CLEARABLE
            else:
                presence = Presence.OPTIONAL if nullable or not required else Presence.ALWAYS
    except NotRepresentable as error:
        raise NotRepresentable(f"{where}: {error}") from None
    alias = info.validation_alias if isinstance(info.validation_alias, str) else info.alias
    key = "" if issubclass(model, Output) else alias or ""  # the alias is the name in the row, not in the response
    return Field(name, inner, presence, nullable and required, info.description or "", key)


def _defaults_to_empty(info: FieldInfo) -> bool:
    return not info.get_default(call_default_factory=True, validated_data={})


def _nullable(kind: Any) -> tuple[Any, bool]:
    """Return the type without `None`, and whether it included `None`."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) not in (Union, types.UnionType):
        return kind, False
    others = [argument for argument in get_args(kind) if argument is not type(None)]
    nullable = len(others) < len(get_args(kind))
    if len(others) == 1:
        return _nullable(others[0])[0], nullable
    if all(_is_model(_nullable(other)[0]) for other in others):
        return Union[tuple(others)], nullable  # noqa: UP007  # built at run time
    raise NotRepresentable(f"{_type_name(kind)} allows several types. Use one type, or a model for each.")


def _item(kind: Any, own: str) -> Any:
    """Return the type of a list's items, which may be lists themselves."""
    inner, nullable = _nullable(kind)
    if get_origin(inner) in LISTS and not nullable:
        return list[_item(get_args(inner)[0], own)]  # type: ignore[misc]  # built at run time
    return _bare(kind, own)


def _bare(kind: Any, own: str) -> Any:
    """Return the type of a single value without its constraints. `own`: the name of a union."""
    kind, nullable = _nullable(kind)
    if nullable:
        raise NotRepresentable("A list or map in protobuf cannot contain null. Remove `None` from the item type.")
    if get_origin(kind) is Literal:
        if not all(isinstance(value, str) for value in get_args(kind)):
            raise NotRepresentable(
                f"{_type_name(kind)} has values that are not strings. Use strings or an enum.StrEnum."
            )
        return str
    if get_origin(kind) in (Union, types.UnionType):
        union = OneOf(own, tuple(_nullable(member)[0] for member in get_args(kind)))
        if not union.has_tags:
            raise NotRepresentable(
                f"{_type_name(kind)} has no discriminator. Add a field such as `kind: Literal[…]` to each model."
            )
        return union
    if kind is EmailStr:
        return str
    if get_origin(kind) is dict:
        return dict
    if kind in SCALARS or kind in WELL_KNOWN or kind in AS_TEXT or _is_model(kind):
        return kind
    if is_enum(kind):
        if all(isinstance(member.value, str) for member in kind):
            return kind
        raise NotRepresentable(f"{_type_name(kind)} is not an enum of strings. Use an enum.StrEnum.")
    if get_origin(kind) is tuple:
        raise NotRepresentable(f"{_type_name(kind)} has items of different types. Use a model with a field for each.")
    raise NotRepresentable(
        f"{_type_name(kind)} has no protobuf type. Use str, int, float, bool, bytes, a date, a time or a model."
    )


def _type_name(kind: Any) -> str:
    return getattr(kind, "__name__", "") if isinstance(kind, type) and not get_args(kind) else str(kind)
