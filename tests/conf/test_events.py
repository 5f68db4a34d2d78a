import ast
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from conf import events, resources
from conf.db.session import open_session
from conf.events import BadSubscription, Event, announce, check

ROOT = Path(__file__).parents[2]


@pytest.fixture
def happened(monkeypatch: pytest.MonkeyPatch) -> type[Event]:
    """Return an event class for one test."""
    monkeypatch.setattr(events, "_declared", {})

    class Happened(Event, name="tests.happened"):
        thing_id: int
        why: str

    return Happened


def subscriptions(handler: Any, event: type[Event], name: str = "tests.happened") -> Any:
    return check({event.name: event}, [(name, handler)])


def test_a_handler_gets_the_fields_that_it_takes(happened: type[Event], monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def one(db: Session, *, thing_id: int) -> None:
        calls.append((db, thing_id))

    def two(db: Session, *, why: str, thing_id: int) -> None:
        calls.append((why, thing_id))

    found = check({happened.name: happened}, [("tests.happened", one), ("tests.happened", two)])
    monkeypatch.setattr(events, "_handlers", lambda: found)
    with open_session() as db:
        announce(db, happened(thing_id=7, why="x"))  # type: ignore[call-arg]  # mypy sees the base class
        assert calls == [(db, 7), ("x", 7)]


def test_a_handler_with_wrong_parameters_is_refused(happened: type[Event]) -> None:
    def unknown(db: Session, *, colour: str) -> None: ...

    def wrong(db: Session, *, thing_id: str) -> None: ...

    def positional(db: Session, thing_id: int) -> None: ...

    for handler, reason in ((unknown, "no field colour"), (wrong, "the field thing_id"), (positional, "keyword-only")):
        with pytest.raises(BadSubscription, match=reason):
            subscriptions(handler, happened)


def test_a_subscription_to_an_unknown_event_is_refused_if_its_resource_is_installed(happened: type[Event]) -> None:
    def handler(db: Session) -> None: ...

    with pytest.raises(BadSubscription, match=r"no event iam\.nonsense"):
        subscriptions(handler, happened, "iam.nonsense")
    assert subscriptions(handler, happened, "judge.solved") == {}


def test_the_name_of_an_event_begins_with_its_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_declared", {})
    with pytest.raises(TypeError, match=r"must begin with tests\."):

        class _Wrong(Event, name="clinic.wrong"):
            pass


def test_an_event_cannot_be_created_without_its_fields(happened: type[Event]) -> None:
    with pytest.raises(TypeError, match="why"):
        happened(thing_id=1)  # type: ignore[call-arg]  # mypy sees the base class


def test_all_subscriptions_are_valid() -> None:
    resources.import_subscribers()
    check(events._declared, events._subscribed)


def test_only_declared_events_are_announced() -> None:
    """The argument of every `announce` is a call of a class in an `events` module."""
    for name in resources.INSTALLED:
        for path in (ROOT / name).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "announce":
                    event = node.args[1]
                    assert isinstance(event, ast.Call), f"{path}:{node.lineno}"
                    assert ast.unparse(event.func).startswith("events."), f"{path}:{node.lineno}"


def test_an_exception_of_a_handler_reaches_the_announcing_function(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(db: Session) -> None:
        raise RuntimeError("no")

    class Nothing(Event, name="tests.nothing"):
        pass

    monkeypatch.setattr(events, "_handlers", lambda: {Nothing: [(fail, ())]})
    with pytest.raises(RuntimeError), open_session() as db:
        announce(db, Nothing())
