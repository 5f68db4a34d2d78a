"""Domain events: how resources work together without importing each other.

A resource declares in its `events.py` what can happen in it, and announces it in the transaction in which it happens:

    class Booked(Event, name="clinic.booked"):
        \"\"\"A time was booked.\"\"\"

        booking_id: int

    announce(db, Booked(booking_id=booking.id))

Any resource subscribes in its `subscribers.py`, by the event's name; the handler takes the fields that it needs:

    @subscribe("clinic.booked")
    def thank(db: Session, *, booking_id: int) -> None: ...

Handlers run in the announcing transaction, in the order of the installed resources. One that raises rolls back what
was announced too: what may fail, such as a mail, is for a job that the handler enqueues. Subscriptions to events of
resources that are not installed wait for nothing. Names and fields are checked when a process starts.
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
    """A handler that does not fit its event."""


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Event:
    """The base of all events: a frozen dataclass, with a name that begins with its resource."""

    name: ClassVar[str]

    def __init_subclass__(cls, *, name: str) -> None:
        resource = cls.__module__.partition(".")[0]
        if not name.startswith(f"{resource}."):
            raise TypeError(f"the event {name} of {cls.__module__} must be called {resource}.…")
        if (known := _declared.get(name)) is not None and known.__qualname__ != cls.__qualname__:
            raise TypeError(f"there is an event {name} already")
        cls.name = name
        _declared[name] = dataclass(frozen=True, kw_only=True)(cls)


def subscribe(name: str) -> Callable[[H], H]:
    """Decorator: call the handler whenever the event of that name is announced."""

    def add(handler: H) -> H:
        _subscribed.append((name, handler))
        return handler

    return add


def announce(db: Session, event: Event) -> None:
    """Call every handler of the event in the transaction of `db`."""
    for handler, wanted in _handlers().get(type(event), ()):
        handler(db, **{field: getattr(event, field) for field in wanted})


def verify() -> None:
    """Check every subscription, when a process starts. Raises: BadSubscription."""
    _handlers()


@functools.cache
def _handlers() -> dict[type[Event], list[tuple[Callable[..., None], tuple[str, ...]]]]:
    resources.import_subscribers()
    return check(_declared, _subscribed)


def check(
    declared: dict[str, type[Event]], subscribed: list[tuple[str, Callable[..., None]]]
) -> dict[type[Event], list[tuple[Callable[..., None], tuple[str, ...]]]]:
    """The handlers of each event, with the fields that they take. Raises: BadSubscription."""
    found: dict[type[Event], list[tuple[Callable[..., None], tuple[str, ...]]]] = {}
    for name, handler in subscribed:
        event = declared.get(name)
        if event is not None:
            found.setdefault(event, []).append((handler, _fields_of(handler, event)))
        elif name.partition(".")[0] in resources.INSTALLED:
            raise BadSubscription(f"{handler.__qualname__}: there is no event {name}")
    return found


def _fields_of(handler: Callable[..., None], event: type[Event]) -> tuple[str, ...]:
    """The fields that the handler takes: keyword-only parameters behind the session."""
    types: dict[str, Any] = get_type_hints(event)
    known = {field.name for field in fields(event)}  # type: ignore[arg-type]  # every event is a dataclass
    hints = get_type_hints(handler)
    _, *parameters = inspect.signature(handler).parameters.values()
    for parameter in parameters:
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY or parameter.name not in known:
            raise BadSubscription(
                f"{handler.__qualname__}: the event {event.name} has no field {parameter.name}; it has"
                f" {', '.join(sorted(known))}, as keyword-only arguments"
            )
        if hints.get(parameter.name) != types[parameter.name]:
            raise BadSubscription(
                f"{handler.__qualname__}: the field {parameter.name} of {event.name} is {types[parameter.name]}"
            )
    return tuple(parameter.name for parameter in parameters)
