"""Messages of protobuf from values of pydantic schemas, and what JSON would have said from messages.

A message is built in one call from the dict that a model keeps its fields in; only times, enums and nested models are
turned into something else first. `json_format` would take ten times as long.
"""

import datetime as dt
import functools
import importlib
from collections.abc import Callable
from typing import Any, get_args, get_origin

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import Struct, Value
from pydantic import BaseModel

from conf.http.wire.shapes import (
    AS_TEXT,
    LISTS,
    SCALARS,
    Field,
    Presence,
    is_enum,
    message_of,
    value_name,
    without_rules,
)
from conf.http.wire.unions import OneOf, member_name

Turn = Callable[[Any], Any]
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Malformed(ValueError):
    """Not a message of that type."""


class Codec:
    """Between the values of one schema, the bytes of its message, and what JSON would say for it."""

    def __init__(self, kind: Any) -> None:
        self.shape = message_of(kind)
        self._type = getattr(importlib.import_module(f"{self.shape.package}.wire_pb2"), self.shape.name)
        self._kind = kind
        self._is_list = get_origin(kind) in LISTS
        self._is_union = isinstance(kind, OneOf)
        self._unsent = [n for n, i in getattr(kind, "model_fields", {}).items() if i.exclude]
        self._computed = [field.name for field in self.shape.fields if field.is_computed]
        descriptors = self._type.DESCRIPTOR.fields_by_name
        self._turned = [(f.name, turn) for f in self.shape.fields if (turn := _to_message(f, descriptors[f.name]))]
        self._read = [_Reader(f, descriptors[f.name]) for f in self.shape.fields]

    def encode(self, value: Any) -> bytes:
        """The bytes of a value that the schema has validated."""
        return bytes(self._type(**self.fields(value)).SerializeToString())

    def fields(self, value: Any) -> dict[str, Any]:
        """What the message is built from. Nested messages are dicts too: to build each apart takes much longer."""
        if self._is_union:
            return {member_name(member): codec_of(member).fields(value) for member in _members_of(self._kind, value)}
        fields = {"items": value} if self._is_list else value.__dict__.copy()
        for name in self._unsent:
            del fields[name]
        for name in self._computed:
            fields[name] = getattr(value, name)
        for name, turn in self._turned:
            if (given := fields[name]) is not None:
                fields[name] = turn(given)
        return fields

    def decode(self, body: bytes) -> Any:
        """What JSON would say. Malformed: cut off, too deep, not UTF-8, or with fields that it does not have."""
        message = self._type()
        try:
            message.ParseFromString(body)
            size = message.ByteSize()
            message.DiscardUnknownFields()  # of all that is inside, too
            if message.ByteSize() != size:
                raise Malformed(
                    f"The body has fields that the message {self._type.DESCRIPTOR.full_name} does not have."
                )
            return self.value(message)
        except Malformed:
            raise
        except (DecodeError, RuntimeError, ValueError) as error:  # ValueError: NaN in a Struct
            raise Malformed(f"The body is not a message {self._type.DESCRIPTOR.full_name}.") from error

    def value(self, message: Any) -> Any:
        """What JSON would say of the message."""
        if self._is_union:
            return self._member_value(message)
        values: dict[str, Any] = {}
        for reader in self._read:
            reader.take(message, values)
        return values["items"] if self._is_list else values

    def _member_value(self, message: Any) -> Any:
        for member in self._kind.members:
            if message.HasField(name := member_name(member)):
                return codec_of(member).value(getattr(message, name)) | self._kind.tag_of(member)
        return None


def _members_of(union: OneOf, value: Any) -> list[type[BaseModel]]:
    """The one model of the union that the value is of."""
    exact = [member for member in union.members if type(value) is member]
    return exact or [member for member in union.members if isinstance(value, member)][:1]


def codec_of(kind: Any) -> Codec:
    return _codec_of(without_rules(kind))


@functools.cache
def _codec_of(kind: Any) -> Codec:
    return Codec(kind)


def _to_message(field: Field, descriptor: Any) -> Turn | None:
    """From a field's value to what a message is built from; None where it is the same."""
    turn = _one_to_message(field.type, _of_values(field, descriptor))
    if field.presence is Presence.REPEATED:
        return (lambda items: [turn(item) for item in items]) if turn else _as_list
    if field.presence is Presence.MAP:
        return turn and (lambda pairs: {key: turn(value) for key, value in pairs.items()})
    if field.presence is Presence.WRAPPED:
        return lambda items: {"items": [turn(item) for item in items] if turn else items}
    return turn


def _of_values(field: Field, descriptor: Any) -> Any:
    """The descriptor of the values inside a map, or a list that is a message."""
    if field.presence is Presence.MAP:
        return descriptor.message_type.fields_by_name["value"]
    if field.presence is Presence.WRAPPED:
        return descriptor.message_type.fields_by_name["items"]
    return descriptor


def _one_to_message(kind: Any, descriptor: Any) -> Turn | None:
    if kind in SCALARS:
        return None
    if kind is dt.datetime:
        return _timestamp
    if kind is dt.timedelta:
        return _duration
    if get_origin(kind) in LISTS:
        turn = _one_to_message(get_args(kind)[0], descriptor.message_type.fields_by_name["items"])
        return lambda items: {"items": [turn(item) for item in items] if turn else items}
    if kind in (dt.date, dt.time):
        return lambda value: value.isoformat()
    if kind in AS_TEXT:
        return str
    if is_enum(kind):
        return _numbers(kind, descriptor).__getitem__
    if kind is Any:
        return lambda value: json_format.ParseDict(value, Value())
    if kind is dict:
        return lambda value: json_format.ParseDict(value, Struct())
    return codec_of(kind).fields


def _numbers(kind: Any, descriptor: Any) -> dict[Any, int]:
    """The numbers of the enum's members, as `wire.proto` keeps them."""
    return {member: descriptor.enum_type.values_by_name[value_name(kind, member.value)].number for member in kind}


def _timestamp(moment: dt.datetime) -> dict[str, int]:
    """Of a moment that names no zone: UTC."""
    since = (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)) - EPOCH
    return {"seconds": since.days * 86400 + since.seconds, "nanos": since.microseconds * 1000}


def _duration(span: dt.timedelta) -> dict[str, int]:
    """Seconds and nanoseconds of one sign, as protobuf wants them."""
    microseconds = span // dt.timedelta(microseconds=1)
    sign = -1 if microseconds < 0 else 1
    seconds, rest = divmod(abs(microseconds), 1_000_000)
    return {"seconds": sign * seconds, "nanos": sign * rest * 1000}


def _as_list(items: Any) -> Any:
    return items if isinstance(items, list) else list(items)


class _Reader:
    """Takes one field out of a message."""

    def __init__(self, field: Field, descriptor: Any) -> None:
        self._field = field
        self._turn = _from_message(field.type, _of_values(field, descriptor))
        self._has_presence = descriptor.has_presence and field.presence not in (Presence.REPEATED, Presence.MAP)
        self._is_enum = is_enum(field.type)

    def take(self, message: Any, values: dict[str, Any]) -> None:
        if self._field.is_computed:  # nobody sends it
            return
        given, turn = getattr(message, self._field.name), self._turn
        name = self._field.key or self._field.name
        match self._field.presence:
            case Presence.REPEATED:
                values[name] = [turn(item) for item in given]
            case Presence.MAP:
                values[name] = {key: turn(value) for key, value in given.items()}
            case _ if self._has_presence and not message.HasField(self._field.name):
                if self._says_null(message):
                    values[name] = None
            case Presence.WRAPPED:
                values[name] = [turn(item) for item in given.items]
            case _ if self._is_enum and given == 0 and not self._has_presence:  # not given
                pass
            case _:
                values[name] = turn(given)

    def _says_null(self, message: Any) -> bool:
        """Of a field that is not there."""
        if self._field.presence is Presence.CLEARABLE:
            return bool(message.HasField(f"{self._field.name}_null"))
        return self._field.null_if_absent


def _from_message(kind: Any, descriptor: Any) -> Turn:
    if kind is dt.datetime:
        return _moment
    if kind is dt.timedelta:
        return _span
    if get_origin(kind) in LISTS:
        turn = _from_message(get_args(kind)[0], descriptor.message_type.fields_by_name["items"])
        return lambda message: [turn(item) for item in message.items]
    if is_enum(kind):
        values = {number: member.value for member, number in _numbers(kind, descriptor).items()}
        return lambda number: values.get(number, number)
    if kind in (Any, dict):
        return json_format.MessageToDict  # type: ignore[no-any-return]
    if kind in SCALARS or kind in AS_TEXT:
        return lambda value: value
    return codec_of(kind).value


def _span(duration: Any) -> Any:
    try:
        return dt.timedelta(seconds=duration.seconds, microseconds=duration.nanos // 1000)
    except OverflowError:
        return f"{duration.seconds} seconds"  # which no schema accepts as a duration


def _moment(timestamp: Any) -> str:
    try:
        moment = EPOCH + dt.timedelta(seconds=timestamp.seconds, microseconds=timestamp.nanos // 1000)
    except OverflowError:
        return f"{timestamp.seconds} seconds"  # which no schema takes for a time
    return moment.isoformat().replace("+00:00", "Z")
