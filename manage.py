"""The command line of Campus. Every command tells what is wrong in one line and ends with status 2."""

import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from typer._click.exceptions import ClickException  # Typer has Click inside and does not export its errors' root

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)
console = Console(highlight=False)

ALIVE_S = 30
"""A worker's heartbeat file may be so old: it is touched every 5 s."""


def fail(reason: str) -> typer.Exit:
    Console(stderr=True, highlight=False).print(f"campus: {reason}", style="red", markup=False, soft_wrap=True)
    return typer.Exit(2)


@app.command()
def up(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    data: Annotated[Path, typer.Option(help="Where everything is kept.")] = Path("data"),
    samples: Annotated[bool, typer.Option(help="Put two short videos in on the first run.")] = True,
    reload: Annotated[bool, typer.Option(help="Start the API anew when its code changes.")] = False,
) -> None:
    """Run everything here: PostgreSQL, broker, API, workers. Ctrl-C ends it."""
    from conf.embedded import CannotStart
    from conf.run import run

    try:
        run(host=host, port=port, data_dir=data, samples=samples, reload=reload)
    except CannotStart as error:
        raise fail(str(error)) from None


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    from sqlalchemy.exc import DBAPIError

    from conf.db.migrate import upgrade

    try:
        upgrade()
    except DBAPIError as error:
        raise fail(f"the database: {str(error.orig).strip().splitlines()[0]}") from None
    console.print("The database is up to date.")


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
def upload(
    files: Annotated[list[Path], typer.Argument(help="Video or sound files.")],
    url: Annotated[str, typer.Option(envvar="PUBLIC_URL", help="Where Campus is.")] = "http://127.0.0.1:8000",
    title: Annotated[str, typer.Option(help="For one file; its name otherwise.")] = "",
) -> None:
    """Upload files, wait until they can be played, and print where."""
    from cms.client import ClientError, send

    for file in files:
        if not file.is_file():
            raise fail(f"{file} is not a file")
    failed = False
    for file in files:
        try:
            console.print(send(file, url=url.rstrip("/"), title=title or file.stem, console=console), soft_wrap=True)
        except ClientError as error:
            failed = True
            fail(f"{file.name}: {error}")
    if failed:
        raise typer.Exit(2)


@app.command()
def demo(
    url: Annotated[str, typer.Option(envvar="PUBLIC_URL", help="Where Campus is.")] = "http://127.0.0.1:8000",
) -> None:
    """Put two short sample videos in, made here."""
    from cms.client import ClientError
    from cms.demo import demonstrate

    try:
        demonstrate(url=url.rstrip("/"), console=console)
    except ClientError as error:
        raise fail(str(error)) from None


def main() -> None:
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
