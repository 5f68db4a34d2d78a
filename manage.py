"""The command line of Campus. A command that fails prints the reason in one line and exits with status 2."""

import os
import re
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from typer._click.exceptions import ClickException  # Typer has Click inside and does not export its errors' root

from conf.cli import console, fail

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)

ALIVE_S = 30
"""A worker's heartbeat file may be so old: it is touched every 5 s."""


def _add_commands() -> None:
    """Add the commands of the resources, and those for developers."""
    from conf import resources
    from conf.develop.commands import app as developers

    for commands in (*resources.commands(), developers):
        app.registered_commands += commands.registered_commands


@app.command()
def up(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    data: Annotated[Path, typer.Option(help="Where everything is kept.")] = Path("data"),
    samples: Annotated[bool, typer.Option(help="Create demo accounts and, on the first run, sample data.")] = True,
    reload: Annotated[bool, typer.Option(help="Log each request, and restart when the code changes.")] = False,
    debug: Annotated[bool, typer.Option(help="Let the API read from the terminal: breakpoint() works there.")] = False,
) -> None:
    """Run everything here: PostgreSQL, broker, API, workers. Ctrl-C stops it."""
    from conf.embedded import CannotStart
    from conf.run import run

    try:
        run(host=host, port=port, data_dir=data, samples=samples, reload=reload, debug=debug)
    except CannotStart as error:
        raise fail(str(error)) from None


@app.command()
def migrate(
    accounts: Annotated[bool, typer.Option(help="Make demo accounts too, and print them. Embedded mode only.")] = False,
) -> None:
    """Bring the database to the newest schema."""
    from alembic.util import CommandError
    from sqlalchemy.exc import DBAPIError

    from conf.db.migrate import upgrade
    from conf.settings import get_settings

    if accounts and not get_settings().embedded:
        raise fail("demo accounts are for the embedded mode (`make run`); here, use create-admin")
    try:
        upgrade()
        if accounts:
            _make_accounts()
            return
    except CommandError as error:
        unknown = re.search(r"Can't locate revision identified by '(\w+)'", str(error))
        if unknown is None:
            raise fail(f"the migrations: {error}") from None
        raise fail(
            f"the database has the migration {unknown[1]}, which this code does not have: use the code that has it,"
            " or another database (make run: --data), or delete the data with `make clean`"
        ) from None
    except DBAPIError as error:
        raise fail(f"the database: {str(error.orig).strip().splitlines()[0]}") from None
    console.print("The database is up to date.")


def _make_accounts() -> None:
    from conf import resources
    from iam import demo

    resources.import_models()
    for role, password in demo.make_accounts().items():
        console.print(f"{role:<8}  {demo.email_of(role):<24}  {password or '(you changed it)'}", markup=False)


@app.command()
def create_admin(
    email: Annotated[str, typer.Option()],
    password: Annotated[str, typer.Option(envvar="CAMPUS_PASSWORD", help="Asked for when it is not given.")] = "",
    first_name: str = "Campus",
    last_name: str = "Admin",
) -> None:
    """Make the first admin, or another. The password is asked for, or is in CAMPUS_PASSWORD."""
    from pydantic import TypeAdapter, ValidationError
    from sqlalchemy.exc import DBAPIError

    from conf import resources
    from conf.db.dependencies import with_db_session
    from conf.errors import CampusError
    from iam.users import helpers, rules

    if not password and not sys.stdin.isatty():
        raise fail("the password is asked for on a terminal; without one, put it into CAMPUS_PASSWORD")
    password = password or typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    resources.import_models()
    try:
        email = TypeAdapter(rules.Email).validate_python(email)
        password = TypeAdapter(str).validate_python(password)
        names = {
            "first_name": TypeAdapter(rules.Name).validate_python(first_name),
            "last_name": TypeAdapter(rules.Name).validate_python(last_name),
        }
        with_db_session(helpers.create_admin)(email=email, password=password, **names)
    except ValidationError as error:
        raise fail(error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")) from None
    except CampusError as error:
        raise fail(error.detail) from None
    except DBAPIError as error:
        raise fail(f"the database: {str(error.orig).strip().splitlines()[0]}") from None
    console.print(f"{email} is an admin now.", markup=False)


@app.command()
def bucket() -> None:
    """Make the S3 bucket of the settings, where it is missing, readable for players on other sites by signed links."""
    from conf.errors import Unavailable
    from conf.settings import get_settings
    from conf.storage.s3 import S3Storage

    if not get_settings().s3_bucket:
        raise fail("S3_BUCKET is not set")
    try:
        S3Storage(get_settings()).make_bucket()
    except Unavailable as error:
        raise fail(error.detail) from None
    console.print("The bucket is there.")


@app.command()
def worker(
    queue: Annotated[str, typer.Option(help="short, long, or both as short,long.")] = "short,long",
    concurrency: Annotated[int, typer.Option(min=1, help="Jobs at once.")] = 1,
    beat: Annotated[bool, typer.Option(help="Send the sweep's ticks too. Exactly one process should.")] = False,
) -> None:
    """Run a worker, until SIGTERM."""
    from conf._celery.app import QUEUES, celery_app

    if unknown := set(queue.split(",")) - set(QUEUES):
        raise fail(f"there is no queue {', '.join(sorted(unknown))}; there are {', '.join(QUEUES)}")
    name = queue.replace(",", "-")
    options = ["--concurrency", str(concurrency), "--queues", queue, "--hostname", f"{name}-{os.getpid()}@%h"]
    celery_app.worker_main(["--quiet", "worker", *options, *(["--beat"] if beat else [])])


@app.command()
def alive() -> None:
    """Whether the worker of this container lives: status 0, or 1 when its heartbeat file is old. For an exec probe."""
    from conf.settings import get_settings

    path = get_settings().heartbeat_file
    if path is None:
        raise fail("HEARTBEAT_FILE is not set")
    age = time.time() - path.stat().st_mtime if path.exists() else float("inf")
    if age > ALIVE_S:
        console.print(f"The last heartbeat was {age:.0f} s ago." if path.exists() else "There was no heartbeat yet.")
        raise typer.Exit(1)


@app.command()
def demo(
    url: Annotated[str, typer.Option(envvar="PUBLIC_URL", help="Where Campus is.")] = "http://127.0.0.1:8000",
) -> None:
    """Fill Campus with what each resource shows of itself, as the demo accounts of `make run`."""
    from conf import resources
    from conf.errors import CampusError

    for demonstrate in resources.demos():
        try:
            demonstrate(url.rstrip("/"), console)
        except CampusError as error:
            raise fail(error.detail) from None


def main() -> None:
    _add_commands()
    try:
        status = app(standalone_mode=False)
    except ClickException as error:
        status = fail(error.format_message()).exit_code
    except typer.Abort:
        status = 130
    sys.exit(status or 0)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
