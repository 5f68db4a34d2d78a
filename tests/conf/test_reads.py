"""Reads in safe requests, on a connection that each thread keeps open."""

import contextlib

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import bindparam, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from conf.db.reads import Read
from conf.db.session import ReadSession, open_session
from iam.groups.models import Group
from tests.conf.test_routes import add_group

GROUPS = Group.__table__.c
BY_NAME = Read(select(GROUPS.id, GROUPS.name).where(GROUPS.name == bindparam("name")).order_by(GROUPS.id).limit(5))


def test_a_read_returns_rows_with_the_columns_as_attributes(anonymous: TestClient) -> None:
    with open_session() as db:
        add_group(db, "a")
        assert BY_NAME.first(db, name="a").name == "a", "a write transaction sees its own changes"
        with open_session(read_only=True) as other:
            assert BY_NAME.first(other, name="a") is None
        db.commit()
    with open_session(read_only=True) as db:
        (row,) = BY_NAME.all(db, name="a")
        assert (row.name, row._asdict()) == ("a", {"id": 1, "name": "a"})
        assert BY_NAME.first(db, name="' OR 1 = 1 --") is None


def kill() -> None:
    """Terminate the read connection of this thread."""
    with open_session(read_only=True) as db:
        number = db.scalar(text("SELECT pg_backend_pid()"))
    with open_session() as db:
        db.execute(text("SELECT pg_terminate_backend(:number)"), {"number": number})


def test_a_lost_connection_is_replaced(anonymous: TestClient) -> None:
    kill()
    with open_session(read_only=True) as db:
        with pytest.raises(OperationalError) as caught:
            BY_NAME.all(db, name="a")
        assert caught.value.connection_invalidated
        assert BY_NAME.all(db, name="a") == []
    kill()
    with open_session(read_only=True) as db:
        with pytest.raises(OperationalError):
            db.scalars(select(Group)).all()
        db.rollback()
        assert db.scalars(select(Group)).all() == []


def test_a_request_is_retried_after_a_lost_connection(client: TestClient) -> None:
    for path in ("/api/v2/videos/1/", "/api/v1/groups/"):
        expected = client.get(path).status_code
        with open_session() as db:
            db.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        assert [client.get(path).status_code for _ in range(20)] == [expected] * 20
    with open_session(read_only=True) as db, contextlib.suppress(OperationalError):
        db.execute(text("SELECT 1"))  # this thread's own connection was lost too


def test_an_error_leaves_the_connection_usable(anonymous: TestClient) -> None:
    with open_session(read_only=True) as db:
        assert isinstance(db, ReadSession)
        with pytest.raises(DBAPIError) as caught:
            db.fetch("SELECT 1 / %(nothing)s", {"nothing": 0})
        assert not caught.value.connection_invalidated
        assert db.fetch("SELECT 1", {}) == [(1,)]
        with pytest.raises(DBAPIError):
            db.execute(text("SELECT 1 / 0"))
    with open_session(read_only=True) as db:
        assert db.scalar(text("SELECT 1")) == 1


def test_each_read_sees_the_latest_commits_of_others(anonymous: TestClient) -> None:
    with open_session(read_only=True) as reading:
        assert reading.scalars(select(GROUPS.name)).all() == []
        with open_session() as writing:
            add_group(writing, "a")
            writing.commit()
        assert reading.scalars(select(GROUPS.name)).all() == ["a"]
