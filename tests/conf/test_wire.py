"""JSON and protobuf represent the same values, in requests and responses, for every schema."""

import datetime as dt
import enum
import json
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, computed_field, create_model
from pydantic_core import to_json

from conf.develop import proto
from conf.http.arguments import NotSupported
from conf.http.index import handlers
from conf.http.route import Router
from conf.http.schemas import UNSET, Changes, Input, Output
from conf.http.wire.codec import Codec, codec_of
from conf.http.wire.formats import BOTH, Format, chosen
from conf.http.wire.shapes import NotRepresentable, Presence, _message_of, is_enum, message_of, type_name, value_name
from main import app

ROUTES = [handler for handler in handlers(app) if handler.formats == BOTH]
RESPONSES = {type_name(kind): kind for route in ROUTES if (kind := route.response_type) is not None}
BODIES = {type_name(kind): kind for route in ROUTES if (kind := route.body_type) is not None}

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
INT64 = st.integers(-(2**63), 2**63 - 1)
LEAVES = (
    st.none() | st.booleans() | TEXT | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
)
OBJECTS = st.dictionaries(
    TEXT, st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3), max_leaves=5), max_size=3
)
MOMENTS = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30), timezones=st.just(dt.UTC))  # noqa: DTZ001
BASIC: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: INT64,
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    dt.datetime: MOMENTS,
    dt.date: st.dates(),
    dict: OBJECTS,
}


def field_values(kind: Any) -> st.SearchStrategy[Any]:
    """Generate Python values of a field's type."""
    if is_enum(kind):
        return st.sampled_from(list(kind))
    return BASIC[kind] if kind in BASIC else responses(kind)


def responses(kind: Any) -> st.SearchStrategy[Any]:
    """Generate return values of routes: models with any values that their types allow."""
    fields = {}
    for field in message_of(kind).fields:
        values = field_values(field.type)
        if field.presence in (Presence.REPEATED, Presence.WRAPPED):
            values = st.lists(values, max_size=3)
        elif field.presence is Presence.MAP:
            values = st.dictionaries(TEXT, values, max_size=3)
        if field.presence in (Presence.OPTIONAL, Presence.WRAPPED):
            values = st.none() | values
        fields[field.name] = values
    if hasattr(kind, "model_construct"):
        return st.fixed_dictionaries(fields).map(lambda values: kind.model_construct(**values))
    return fields["items"]


NO_DEADLINE = settings(deadline=None, max_examples=40, database=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("name", RESPONSES)
def test_a_response_has_the_same_values_in_both_formats(name: str) -> None:
    kind = RESPONSES[name]

    @NO_DEADLINE
    @given(responses(kind))
    def same(value: Any) -> None:
        as_json = json.loads(TypeAdapter(kind).dump_json(value, by_alias=True))
        assert codec_of(kind).decode(codec_of(kind).encode(value)) == as_json

    same()


def json_values(kind: Any) -> st.SearchStrategy[Any]:
    """Generate JSON values of a field's type."""
    if is_enum(kind):
        return st.sampled_from([member.value for member in kind])
    if kind is dt.date:
        return st.dates().map(dt.date.isoformat)
    return BASIC[kind] if kind in BASIC else bodies(kind)


def bodies(kind: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Generate JSON bodies with values of the right types, most of which are invalid."""
    required: dict[str, Any] = {}
    optional: dict[str, Any] = {}
    for field in message_of(kind).fields:
        values = json_values(field.type)
        if field.presence in (Presence.REPEATED, Presence.WRAPPED):
            values = st.lists(values, max_size=3)
        if field.presence is Presence.CLEARABLE:
            values = st.none() | values
        (required if field.presence in (Presence.ALWAYS, Presence.REPEATED) else optional)[field.name] = values
    return st.fixed_dictionaries(required, optional=optional)


def message(kind: Any, body: dict[str, Any]) -> bytes:
    """Encode a JSON body as protobuf, as a client would."""
    built = Codec(kind)._type()
    for field in message_of(kind).fields:
        if field.name not in body:
            continue
        value = body[field.name]
        if field.presence is Presence.CLEARABLE and value is None:
            setattr(built, f"{field.name}_null", 0)
        elif field.presence is Presence.WRAPPED:
            getattr(built, field.name).SetInParent()
            getattr(built, field.name).items.extend(value)
        elif field.presence is Presence.REPEATED and hasattr(field.type, "model_fields"):
            for item in value:
                getattr(built, field.name).add().MergeFromString(message(field.type, item))
        elif field.presence is Presence.REPEATED:
            getattr(built, field.name).extend(value)
        elif is_enum(field.type):
            number = built.DESCRIPTOR.fields_by_name[field.name].enum_type.values_by_name[value_name(field.type, value)]
            setattr(built, field.name, number.number)
        else:
            setattr(built, field.name, value)
    return bytes(built.SerializeToString())


def validated(kind: Any, body: bytes) -> Any:
    """Return the value and the set of its fields that were sent, or the validation errors."""
    try:
        value = TypeAdapter(kind).validate_json(body)
    except ValidationError as error:
        return sorted((str(e["loc"]), e["type"]) for e in error.errors())
    return value, value.model_fields_set


@pytest.mark.parametrize("name", BODIES)
def test_a_body_has_the_same_values_in_both_formats(name: str) -> None:
    kind = BODIES[name]

    @NO_DEADLINE
    @given(bodies(kind))
    def same(body: dict[str, Any]) -> None:
        from_protobuf = to_json(codec_of(kind).decode(message(kind, body)), inf_nan_mode="constants")
        as_json, as_protobuf = validated(kind, to_json(body)), validated(kind, from_protobuf)
        if isinstance(as_json, tuple):
            # In protobuf an empty list cannot be told from a field that was not sent.
            empty = {n for n, v in body.items() if v == []}
            assert (as_protobuf[0], as_protobuf[1] | empty) == (as_json[0], as_json[1] | empty)
        else:
            assert as_protobuf == as_json

    same()


def test_every_wire_proto_is_up_to_date() -> None:
    assert proto.write(check=True) == []


class Old(Output):
    id: int
    title: str
    size: int
    tags: list[str]


class New(Output):
    id: int
    size: str
    tags: list[str]
    colour: str | None = Field(description="Colour of the cover.")


def rendered(model: type[BaseModel], *, before: str) -> str:
    model.__name__ = "Book"
    try:
        return proto.render("tests.conf", [model], before=before, breaking=True)
    finally:
        model.__name__ = "Book"


def test_field_numbers_are_kept_and_the_numbers_of_removed_fields_are_reserved() -> None:
    _message_of.cache_clear()
    first = rendered(Old, before="")
    assert re.findall(r"(\w+) = (\d);", first) == [("id", "1"), ("title", "2"), ("size", "3"), ("tags", "4")]
    second = rendered(New, before=first)
    assert re.findall(r"(\w+) = (\d);", second) == [("id", "1"), ("size", "5"), ("tags", "4"), ("colour", "6")]
    assert "reserved 2, 3;" in second
    assert 'reserved "title";' in second
    assert "// Colour of the cover." in second
    third = rendered(Old, before=second)
    assert re.findall(r"(\w+) = (\d);", third) == [("id", "1"), ("title", "7"), ("size", "8"), ("tags", "4")]
    assert "reserved 2, 3, 5, 6;" in third
    assert 'reserved "colour";' in third
    assert rendered(Old, before=third) == third


def test_a_field_that_changes_its_type_is_a_breaking_change() -> None:
    before = rendered(Old, before="")
    New.__name__ = "Book"
    with pytest.raises(NotRepresentable, match=r"Book\.size was int64 and is now string"):
        proto.render("tests.conf", [New], before=before)


def test_a_message_that_is_added_again_gets_new_field_numbers() -> None:
    class Other(Output):
        id: int

    gone = proto.render("tests.conf", [Other], before=rendered(Old, before=""))
    assert re.search(r"message Book \{\n  reserved 1, 2, 3, 4;", gone)
    back = proto.render("tests.conf", [Old, Other], before=gone)
    assert re.findall(r"(\w+) = (\d);", back[: back.index("message Other")]) == [
        ("id", "5"),
        ("title", "6"),
        ("size", "7"),
        ("tags", "8"),
    ]


class Card(Output):
    kind: Literal["card"]
    number: str


class PayPal(Output):
    kind: Literal["paypal"]
    email: str | None


class Line(Output):
    title: str


class Invoice(Output):
    """All types that the codec supports."""

    payment: Annotated[Card | PayPal, Field(discriminator="kind")]
    refund: Card | PayPal | None
    attempts: list[Card | PayPal]
    tags: set[str]
    sizes: frozenset[int]
    steps: tuple[float, ...]
    scan: bytes
    took: dt.timedelta
    waits: list[dt.timedelta] | None
    grid: list[list[int]]
    pages: list[list[Line]]
    shown_name: str = Field(serialization_alias="shownName")
    secret: str = Field(exclude=True)

    @computed_field(description="Number of tags.")  # type: ignore[prop-decorator]  # as pydantic documents it
    @property
    def count(self) -> int:
        return len(self.tags)


class InvoiceCreate(Input):
    payment: Annotated[Card | PayPal, Field(discriminator="kind")]
    tags: set[str]
    took: dt.timedelta
    scan: bytes
    grid: list[list[int]]
    shown_name: str = Field(alias="shownName")


@pytest.fixture(scope="module")
def compiled() -> Iterator[str]:
    """Compile the messages of these schemas to a module that the codec imports. Return the text of `wire.proto`."""
    text = proto.render("tests.conf", [Invoice, InvoiceCreate])
    module = types.ModuleType("tests.conf.wire_pb2")
    exec(proto._compile("tests.conf", text), module.__dict__)
    sys.modules[module.__name__] = module
    yield text
    del sys.modules[module.__name__]


CARD = Card(kind="card", number="1")
INVOICES = st.builds(
    Invoice,
    payment=st.sampled_from([CARD, PayPal(kind="paypal", email=None)]),
    refund=st.sampled_from([None, PayPal(kind="paypal", email="a@b.example")]),
    attempts=st.lists(st.just(CARD), max_size=2),
    tags=st.sets(TEXT, max_size=3),
    sizes=st.frozensets(INT64, max_size=3),
    steps=st.tuples(st.just(0.5)),
    scan=st.binary(max_size=5),
    took=st.timedeltas(dt.timedelta(days=-9999), dt.timedelta(days=9999)),
    waits=st.none() | st.lists(st.timedeltas(dt.timedelta(0), dt.timedelta(days=1)), max_size=2),
    grid=st.lists(st.lists(INT64, max_size=2), max_size=2),
    pages=st.lists(st.lists(st.builds(Line, title=TEXT), max_size=2), max_size=2),
    shown_name=TEXT,
    secret=TEXT,
)


@settings(NO_DEADLINE, max_examples=60)
@given(INVOICES)
def test_unions_sets_durations_and_nested_lists_survive_a_round_trip(compiled: str, invoice: Invoice) -> None:
    codec = codec_of(Invoice)
    read = codec.decode(codec.encode(invoice))
    assert "secret" not in read
    again = Invoice.model_validate(read | {"secret": invoice.secret})
    assert again == invoice


def test_computed_fields_and_aliases_are_sent(compiled: str) -> None:
    assert "oneof value {" in compiled
    assert "google.protobuf.Duration took" in compiled
    assert "repeated Int64List grid" in compiled
    assert "// Number of tags." in compiled
    assert {"InvoicePayment", "InvoiceRefund", "LineList"} <= set(re.findall(r"message (\w+)", compiled))
    message = sys.modules["tests.conf.wire_pb2"].Invoice
    assert "secret" not in message.DESCRIPTOR.fields_by_name
    assert {"count", "shown_name"} <= set(message.DESCRIPTOR.fields_by_name)


def test_a_union_in_a_body_has_the_discriminator_of_the_member_that_is_set(compiled: str) -> None:
    message = sys.modules["tests.conf.wire_pb2"].InvoiceCreate
    body = message(payment={"pay_pal": {"email": "a@b.example"}}, shown_name="x", scan=b"\xff", grid=[{"items": [1]}])
    body.tags.append("a")
    body.took.seconds = 90
    read = InvoiceCreate.model_validate(codec_of(InvoiceCreate).decode(body.SerializeToString()))
    assert read.payment == PayPal(kind="paypal", email="a@b.example")
    assert (read.shown_name, read.took, read.scan) == ("x", dt.timedelta(seconds=90), b"\xff")
    with pytest.raises(ValidationError, match="payment"):
        InvoiceCreate.model_validate(codec_of(InvoiceCreate).decode(message(shown_name="x").SerializeToString()))


class Colour(enum.IntEnum):
    RED = 1


@pytest.mark.parametrize(
    ("kind", "suggestion"),
    [
        (int | str, "a model for each"),
        (tuple[int, str], "a model with a field for each"),
        (Colour, "an enum.StrEnum"),
        (Literal[1, 2], "Use strings"),
        (list[int | None], "Remove `None` from the item type"),
        (dict[str, int] | None, "Use an empty map"),
        (complex, "or a model"),
    ],
)
def test_a_type_that_protobuf_cannot_represent_is_refused_with_a_suggestion(kind: Any, suggestion: str) -> None:
    model = create_model("Thing", __base__=Output, field=(kind, ...))
    model.__module__ = __name__
    with pytest.raises(NotRepresentable, match=rf"Thing\.field: .*{suggestion}"):
        message_of(model)

    async def route() -> Any: ...

    with pytest.raises(NotSupported, match=suggestion):
        Router("/api/v1", tags=["x"]).get("/things/", response_model=model)(route)


def test_a_patch_distinguishes_null_and_empty_from_absent() -> None:
    class Change(Changes):
        note: str | None = UNSET
        tags: list[str] = UNSET
        size: int = UNSET

    assert [field.presence for field in message_of(Change).fields] == [
        Presence.CLEARABLE,
        Presence.WRAPPED,
        Presence.OPTIONAL,
    ]
    assert "default" not in json.dumps(Change.model_json_schema())


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (b"", Format.JSON),
        (b"*/*", Format.JSON),
        (b"application/json", Format.JSON),
        (b"application/protobuf", Format.PROTOBUF),
        (b"application/x-protobuf", Format.X_PROTOBUF),
        (b"APPLICATION/PROTOBUF", Format.PROTOBUF),
        (b"application/*", Format.JSON),
        (b"application/json;q=0.5, application/protobuf", Format.PROTOBUF),
        (b"application/json;q=0.5, application/protobuf;q=0.4", Format.JSON),
        (b"application/json;q=0, */*", Format.PROTOBUF),
        (b"text/html, */*;q=0.1", Format.JSON),
        (b"text/html, image/gif, *; q=.2, */*; q=.2", None),
        (b"text/html", None),
        (b"application/json;q=0", None),
        (b"application/json;q=nan", None),
        (b",", Format.JSON),
        (b"\xff\xfe", None),
    ],
)
def test_the_accept_header_selects_the_format(accept: bytes, expected: Format | None) -> None:
    assert chosen(accept) == expected


def test_every_package_of_schemas_has_a_wire_proto() -> None:
    root = Path(proto.__file__).parents[2]
    found = {path.parent.relative_to(root).as_posix() for path in root.glob("*/v*/wire.proto")}
    assert found == {message_of(kind).package.replace(".", "/") for kind in (*RESPONSES.values(), *BODIES.values())}
