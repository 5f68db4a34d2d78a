import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session, sessionmaker

from conf._celery import enqueue as enqueue_module
from conf._celery.models import Job
from tests import probes
from tests.servers import OwnPostgres, RabbitMQ, new_database, open_folder, own_rabbitmq
from tests.system import System, system


@dataclass
class Faults:
    """Campus, with the broker and the database server that a test can stop."""

    campus: System
    broker: RabbitMQ
    postgres: OwnPostgres
    engine: Engine

    @contextlib.contextmanager
    def session(self) -> Iterator[Session]:
        with sessionmaker(self.engine, expire_on_commit=False).begin() as db:
            yield db

    def enqueue(self, name: str, **args: Any) -> int:
        """Insert a job of the tests without publishing its message, so that the sweep has to publish it."""
        with self.session() as db:
            job = enqueue_module.enqueue(db, name, **args)
            db.info.clear()
            return job.id

    def notes(self) -> list[str]:
        with self.session() as db:
            return probes.notes(db)

    def jobs(self, *ids: int) -> list[Job]:
        with self.session() as db:
            return [db.get_one(Job, job_id) for job_id in ids]


@pytest.fixture(scope="package")
def broker() -> Iterator[RabbitMQ]:
    with own_rabbitmq() as server:
        yield server


@pytest.fixture(scope="package")
def own_postgres() -> Iterator[tuple[OwnPostgres, contextlib.ExitStack]]:
    with open_folder() as folder, contextlib.ExitStack() as running:
        server = OwnPostgres(folder)
        running.enter_context(server.running())
        yield server, running


@pytest.fixture
def faults(
    broker: RabbitMQ, own_postgres: tuple[OwnPostgres, contextlib.ExitStack], tmp_path: Path
) -> Iterator[Faults]:
    server, _ = own_postgres
    broker.start()
    with (
        new_database(server.url) as url,
        system(tmp_path / "campus", database_url=url, broker_url=broker.url) as campus,
    ):
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg2://"), pool_pre_ping=True)
        started = Faults(campus, broker, server, engine)
        with started.session() as db:
            probes.make_notes_table(db)
        try:
            yield started
        finally:
            engine.dispose()
