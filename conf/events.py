"""Domain events: resources work together without importing each other.

A resource declares its events in `events.py`, and announces an event in the transaction in which it happens:

    class Booked(Event, name="clinic.booked"):
        \"\"\"A slot was booked.\"\"\"

        booking_id: int

    announce(db, Booked(booking_id=booking.id))

Any resource subscribes in its `subscribers.py`, by the event's name. A handler takes only the fields that it needs:

    @subscribe("clinic.booked")
    def send_thanks(db: Session, *, booking_id: int) -> None: ...

Handlers run in the announcing transaction, in the order of the installed resources. If a handler raises, the whole
transaction is rolled back, so work that may fail, such as sending an e-mail, belongs in a job that the handler
enqueues. Subscriptions to events of resources that are not installed are ignored. Names and fields are checked when a
process starts.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeVar, dataclass_transform, get_type_hints

from sqlalchemy.orm import Session

from conf import resources

H = TypeVar("H", bound=Callable[..., None])

_declared: dict[str, type["Event"]] = {}
_subscribed: list[tuple[str, Callable[..., None]]] = []


class BadSubscription(TypeError):
    """A handler subscribes to an unknown event, or takes fields that the event does not have."""


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Event:
    """The base class of events: frozen dataclasses, whose names begin with their resource's name."""

    name: ClassVar[str]

    def __init_subclass__(cls, *, name: str) -> None:
        resource = cls.__module__.partition(".")[0]
        if not name.startswith(f"{resource}."):
            raise TypeError(f"the name of the event {name} in {cls.__module__} must begin with {resource}.")
        if (known := _declared.get(name)) is not None and known.__qualname__ != cls.__qualname__:
            raise TypeError(f"the event {name} is already declared")
        cls.name = name
        _declared[name] = dataclass(frozen=True, kw_only=True)(cls)


def subscribe(name: str) -> Callable[[H], H]:
    """Decorator: call the handler whenever the event with this name is announced."""

    def add(handler: H) -> H:
        _subscribed.append((name, handler))
        return handler

    return add


def announce(db: Session, event: Event) -> None:
    """Call every handler of the event in the transaction of `db`."""
    for handler, field_names in _handlers().get(type(event), ()):
        handler(db, **{name: getattr(event, name) for name in field_names})


def verify() -> None:
    """Check all subscriptions. Call it when a process starts. Raises: BadSubscription."""
    _handlers()


@functools.cache
def _handlers() -> dict[type[Event], list[tuple[Callable[..., None], tuple[str, ...]]]]:
    resources.import_subscribers()
    return check(_declared, _subscribed)


def check(
    declared: dict[str, type[Event]], subscribed: list[tuple[str, Callable[..., None]]]
) -> dict[type[Event], list[tuple[Callable[..., None], tuple[str, ...]]]]:
    """Return the handlers of each event, with the fields that they take. Raises: BadSubscription."""
    found: dict[type[Event], list[tuple[Callable[..., None], tuple[str, ...]]]] = {}
    for name, handler in subscribed:
        event = declared.get(name)
        if event is not None:
            found.setdefault(event, []).append((handler, _fields_of(handler, event)))
        elif name.partition(".")[0] in resources.INSTALLED:
            raise BadSubscription(f"{handler.__qualname__}: there is no event {name}")
    return found


def _fields_of(handler: Callable[..., None], event: type[Event]) -> tuple[str, ...]:
    """Return the fields that the handler takes: its keyword-only parameters after the session."""
    types: dict[str, Any] = get_type_hints(event)
    known = {field.name for field in fields(event)}  # type: ignore[arg-type]  # every event is a dataclass
    hints = get_type_hints(handler)
    _, *parameters = inspect.signature(handler).parameters.values()
    for parameter in parameters:
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY or parameter.name not in known:
            raise BadSubscription(
                f"{handler.__qualname__}: the event {event.name} has no field {parameter.name}; a handler may take"
                f" {', '.join(sorted(known))}, as keyword-only arguments"
            )
        if hints.get(parameter.name) != types[parameter.name]:
            raise BadSubscription(
                f"{handler.__qualname__}: the field {parameter.name} of {event.name} must have the annotation"
                f" {types[parameter.name]}"
            )
    return tuple(parameter.name for parameter in parameters)
