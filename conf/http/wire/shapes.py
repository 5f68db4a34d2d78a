"""What a pydantic schema looks like in protobuf: the one description that `wire.proto` is written from and that
messages are built and read by.

| schema | proto3 |
|---|---|
| `str`, `int`, `bool`, `float` | `string`, `int64`, `bool`, `double` |
| `Decimal`, `UUID`, `date`, `time`, `Literal` | `string`, as in JSON |
| `datetime` | `google.protobuf.Timestamp` |
| an enum of strings | an enum; 0 is UNSPECIFIED |
| a model, `list[X]`, `dict[str, X]` | a message, `repeated`, `map` |
| `Any`, `dict[str, Any]` | `google.protobuf.Value`, `Struct` |
| `X | None`, or not required | `optional`; a list that may be absent is a message with `items` |
| nullable where absent means something else than null | a oneof of the value and `<name>_null` |
"""

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

from conf.http.schemas import Changes

SCALARS: dict[type, str] = {str: "string", int: "int64", bool: "bool", float: "double"}
AS_TEXT = (Decimal, UUID, dt.date, dt.time)
WELL_KNOWN = {
    dt.datetime: "google.protobuf.Timestamp",
    Any: "google.protobuf.Value",
    dict: "google.protobuf.Struct",
}


class CannotShow(TypeError):
    """The schema has something that protobuf has no word for, or we none yet."""


class Presence(enum.Enum):
    ALWAYS = enum.auto()
    OPTIONAL = enum.auto()
    CLEARABLE = enum.auto()
    """Absent, null, or a value: three things."""
    REPEATED = enum.auto()
    MAP = enum.auto()
    WRAPPED = enum.auto()
    """A list that may be absent: a message with `items`."""


@dataclass(frozen=True)
class Field:
    name: str
    type: Any
    """A key of `SCALARS` or `WELL_KNOWN`, one of `AS_TEXT`, an enum, or what `message_of` takes."""
    presence: Presence
    null_if_absent: bool
    """Absent in the message: null in the value; else left out."""
    description: str


@dataclass(frozen=True)
class Message:
    name: str
    package: str
    """Where its `wire.proto` is: `cms.v1`."""
    fields: tuple[Field, ...]
    description: str


@functools.cache
def message_of(kind: Any) -> Message:
    """The message of a model, or of a `list` of something. CannotShow."""
    if get_origin(kind) is list:
        item = _bare(get_args(kind)[0])
        package = package_of(item) if _is_model(item) else ""
        return Message(list_name(item), package, (Field("items", item, Presence.REPEATED, False, ""),), "")
    if not _is_model(kind):
        raise CannotShow(f"{kind} is no model")
    if kind.model_computed_fields:
        raise CannotShow(f"{kind.__name__}: computed fields are not sent as protobuf")
    fields = tuple(_field(kind, name, info) for name, info in kind.model_fields.items())
    return Message(_name(kind), package_of(kind), fields, _doc(kind))


def package_of(kind: type[BaseModel]) -> str:
    """`cms.v1` of cms.v1.schemas.Video, and of a page of them."""
    arguments = kind.__pydantic_generic_metadata__["args"]
    module = arguments[0].__module__ if arguments else kind.__module__
    return ".".join(module.split(".")[:2])


def type_name(kind: Any) -> str:
    """What protobuf calls it."""
    if kind in SCALARS:
        return SCALARS[kind]
    if kind in WELL_KNOWN:
        return WELL_KNOWN[kind]
    if is_enum(kind):
        return str(kind.__name__)
    return "string" if kind in AS_TEXT else message_of(kind).name


def list_name(item: Any) -> str:
    name = type_name(item).rpartition(".")[2]
    return f"{name[:1].upper()}{name[1:]}List"


def value_name(kind: type[enum.Enum], value: str = "unspecified") -> str:
    """`STATUS_NOT_PROCESSED`: the values of all enums of a file share one space of names."""
    prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__)
    return re.sub(r"\W", "_", f"{prefix}_{value}").upper()


def parts_of(kind: Any) -> Iterator[Any]:
    """The enums and messages that the message of `kind` has fields of."""
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
    return _is_model(kind) or get_origin(kind) is list


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
    if info.serialization_alias or info.exclude:
        raise CannotShow(f"{where}: its name and presence must be the same in JSON")
    kind, nullable = _nullable(info.annotation)
    many = get_origin(kind)
    required = info.is_required()
    try:
        if many is list:
            (item,) = get_args(kind)
            inner = _bare(item)
            may_be_absent = nullable or (
                not required
                and (issubclass(model, Changes) or info.get_default(call_default_factory=True, validated_data={}) != [])
            )
            presence = Presence.WRAPPED if may_be_absent else Presence.REPEATED
        elif many is dict and _bare(get_args(kind)[1]) is not Any:
            inner, presence = _bare(get_args(kind)[1]), Presence.MAP
            if nullable:
                raise CannotShow("a map is always there")
        else:
            inner = _bare(kind)
            tells_null = nullable and not required and (issubclass(model, Changes) or info.default is not None)
            if tells_null:
                presence = Presence.CLEARABLE
            else:
                presence = Presence.OPTIONAL if nullable or not required else Presence.ALWAYS
    except CannotShow as error:
        raise CannotShow(f"{where}: {error}") from None
    return Field(name, inner, presence, nullable and required, info.description or "")


def _nullable(kind: Any) -> tuple[Any, bool]:
    """The type without `None`, and whether it had it."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) not in (Union, types.UnionType):
        return kind, False
    others = [argument for argument in get_args(kind) if argument is not type(None)]
    if len(others) != 1:
        raise CannotShow(f"{kind} is one of several")
    inner, _ = _nullable(others[0])
    return inner, len(others) < len(get_args(kind))


def _bare(kind: Any) -> Any:
    """One value's type, without its rules."""
    kind, nullable = _nullable(kind)
    if nullable:
        raise CannotShow("null inside a list or map")
    if get_origin(kind) is Literal:
        if not all(isinstance(value, str) for value in get_args(kind)):
            raise CannotShow(f"{kind} is not of strings")
        return str
    if kind is EmailStr:
        return str
    if get_origin(kind) is dict:
        return dict
    if kind in SCALARS or kind in WELL_KNOWN or kind in AS_TEXT or _is_model(kind):
        return kind
    if is_enum(kind) and all(isinstance(member.value, str) for member in kind):
        return kind
    raise CannotShow(f"{kind} has no counterpart")
