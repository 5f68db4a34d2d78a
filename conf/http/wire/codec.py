"""Convert values of pydantic schemas to protobuf messages, and protobuf messages to JSON values.

A message is built in one call from the model's `__dict__`. Only values such as times, enums and nested models are
converted first. `json_format` would take ten times as long.
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

Converter = Callable[[Any], Any]
MAX_ITEMS = 1000
"""Maximum length of a list in a request: converting an item takes microseconds, and an empty one has two bytes."""
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Malformed(ValueError):
    """The bytes are not a message of the expected type."""


class Codec:
    """Converts between values of one schema, encoded messages, and JSON values."""

    def __init__(self, kind: Any) -> None:
        self.shape = message_of(kind)
        self._type = getattr(importlib.import_module(f"{self.shape.package}.wire_pb2"), self.shape.name)
        self._kind = kind
        self._is_list = get_origin(kind) in LISTS
        self._is_union = isinstance(kind, OneOf)
        self._excluded = [n for n, i in getattr(kind, "model_fields", {}).items() if i.exclude]
        self._computed = [field.name for field in self.shape.fields if field.is_computed]
        descriptors = self._type.DESCRIPTOR.fields_by_name
        self._converters = [(f.name, to) for f in self.shape.fields if (to := _to_message(f, descriptors[f.name]))]
        self._readers = [_Reader(f, descriptors[f.name]) for f in self.shape.fields]

    def encode(self, value: Any) -> bytes:
        """Encode a value that the schema has validated."""
        return bytes(self._type(**self.fields(value)).SerializeToString())

    def fields(self, value: Any) -> dict[str, Any]:
        """Return the keyword arguments of the message. Nested messages are dicts, which is much faster than objects."""
        if self._is_union:
            return {member_name(member): codec_of(member).fields(value) for member in _members_of(self._kind, value)}
        fields = {"items": value} if self._is_list else value.__dict__.copy()
        for name in self._excluded:
            del fields[name]
        for name in self._computed:
            fields[name] = getattr(value, name)
        for name, convert in self._converters:
            if (field_value := fields[name]) is not None:
                fields[name] = convert(field_value)
        return fields

    def decode(self, body: bytes) -> Any:
        """Decode a message to a JSON value.

        Raises: Malformed, if it is truncated, nested too deeply, not UTF-8, or has unknown fields.
        """
        message = self._type()
        try:
            message.ParseFromString(body)
            size = message.ByteSize()
            message.DiscardUnknownFields()  # also in nested messages
            if message.ByteSize() != size:
                raise Malformed(
                    f"The body has fields that the protobuf message {self._type.DESCRIPTOR.full_name} does not have."
                )
            return self.value(message)
        except Malformed:
            raise
        except (DecodeError, RuntimeError, ValueError) as error:  # ValueError: NaN in a Struct
            raise Malformed(f"The body is not a valid protobuf message {self._type.DESCRIPTOR.full_name}.") from error

    def value(self, message: Any) -> Any:
        """Convert a message to a JSON value."""
        if self._is_union:
            return self._member_value(message)
        values: dict[str, Any] = {}
        for reader in self._readers:
            reader.take(message, values)
        return values["items"] if self._is_list else values

    def _member_value(self, message: Any) -> Any:
        for member in self._kind.members:
            if message.HasField(name := member_name(member)):
                return codec_of(member).value(getattr(message, name)) | self._kind.tag_of(member)
        return None


def _members_of(union: OneOf, value: Any) -> list[type[BaseModel]]:
    """Return a list of the one member that the value is an instance of; an empty list if there is none."""
    exact = [member for member in union.members if type(value) is member]
    return exact or [member for member in union.members if isinstance(value, member)][:1]


def codec_of(kind: Any) -> Codec:
    """Return the cached codec of a schema."""
    return _codec_of(without_rules(kind))


@functools.cache
def _codec_of(kind: Any) -> Codec:
    return Codec(kind)


def _to_message(field: Field, descriptor: Any) -> Converter | None:
    """Return the converter from a field's value to a message's argument; None if no conversion is needed."""
    convert = _one_to_message(field.type, _value_descriptor(field, descriptor))
    if field.presence is Presence.REPEATED:
        return (lambda items: [convert(item) for item in items]) if convert else _as_list
    if field.presence is Presence.MAP:
        return convert and (lambda pairs: {key: convert(value) for key, value in pairs.items()})
    if field.presence is Presence.WRAPPED:
        return lambda items: {"items": [convert(item) for item in items] if convert else items}
    return convert


def _value_descriptor(field: Field, descriptor: Any) -> Any:
    """Return the descriptor of the values of a map, or of a list that is wrapped in a message."""
    if field.presence is Presence.MAP:
        return descriptor.message_type.fields_by_name["value"]
    if field.presence is Presence.WRAPPED:
        return descriptor.message_type.fields_by_name["items"]
    return descriptor


def _one_to_message(kind: Any, descriptor: Any) -> Converter | None:
    if kind in SCALARS:
        return None
    if kind is dt.datetime:
        return _timestamp
    if kind is dt.timedelta:
        return _duration
    if get_origin(kind) in LISTS:
        convert = _one_to_message(get_args(kind)[0], descriptor.message_type.fields_by_name["items"])
        return lambda items: {"items": [convert(item) for item in items] if convert else items}
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
    """Return the numbers of the enum's members in `wire.proto`."""
    return {member: descriptor.enum_type.values_by_name[value_name(kind, member.value)].number for member in kind}


def _timestamp(moment: dt.datetime) -> dict[str, int]:
    """Return the fields of a Timestamp. A datetime without a time zone is UTC."""
    since = (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)) - EPOCH
    return {"seconds": since.days * 86400 + since.seconds, "nanos": since.microseconds * 1000}


def _duration(span: dt.timedelta) -> dict[str, int]:
    """Return the fields of a Duration: seconds and nanoseconds, which must have the same sign."""
    microseconds = span // dt.timedelta(microseconds=1)
    sign = -1 if microseconds < 0 else 1
    seconds, rest = divmod(abs(microseconds), 1_000_000)
    return {"seconds": sign * seconds, "nanos": sign * rest * 1000}


def _as_list(items: Any) -> Any:
    return items if isinstance(items, list) else list(items)


class _Reader:
    """Reads one field of a message."""

    def __init__(self, field: Field, descriptor: Any) -> None:
        self._field = field
        self._convert = _from_message(field.type, _value_descriptor(field, descriptor))
        self._has_presence = descriptor.has_presence and field.presence not in (Presence.REPEATED, Presence.MAP)
        self._is_enum = is_enum(field.type)

    def take(self, message: Any, values: dict[str, Any]) -> None:
        """Add the field's JSON value to `values`, unless it is absent."""
        if self._field.is_computed:  # only in responses
            return
        given, convert = getattr(message, self._field.name), self._convert
        name = self._field.key or self._field.name
        match self._field.presence:
            case Presence.REPEATED:
                values[name] = [convert(item) for item in _assert_short(given, name)]
            case Presence.MAP:
                values[name] = {key: convert(value) for key, value in _assert_short(given, name).items()}
            case _ if self._has_presence and not message.HasField(self._field.name):
                if self._is_null(message):
                    values[name] = None
            case Presence.WRAPPED:
                values[name] = [convert(item) for item in _assert_short(given.items, name)]
            case _ if self._is_enum and given == 0 and not self._has_presence:  # UNSPECIFIED: the field is absent
                pass
            case _:
                values[name] = convert(given)

    def _is_null(self, message: Any) -> bool:
        """Return whether an absent field means null."""
        if self._field.presence is Presence.CLEARABLE:
            return bool(message.HasField(f"{self._field.name}_null"))
        return self._field.null_if_absent


def _assert_short(items: Any, name: str) -> Any:
    if len(items) > MAX_ITEMS:
        raise Malformed(f"The list {name} has more than {MAX_ITEMS} items.")
    return items


def _from_message(kind: Any, descriptor: Any) -> Converter:
    """Return the converter from a message's value to a JSON value."""
    if kind is dt.datetime:
        return _moment
    if kind is dt.timedelta:
        return _span
    if get_origin(kind) in LISTS:
        convert = _from_message(get_args(kind)[0], descriptor.message_type.fields_by_name["items"])
        return lambda message: [convert(item) for item in message.items]
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
        return f"{duration.seconds} seconds"  # no schema accepts this as a duration


def _moment(timestamp: Any) -> str:
    try:
        moment = EPOCH + dt.timedelta(seconds=timestamp.seconds, microseconds=timestamp.nanos // 1000)
    except OverflowError:
        return f"{timestamp.seconds} seconds"  # no schema accepts this as a time
    return moment.isoformat().replace("+00:00", "Z")
