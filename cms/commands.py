"""Commands of the video library for `manage.py`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from conf.cli import console, fail

app = typer.Typer()


@app.command()
def upload(
    files: Annotated[list[Path], typer.Argument(help="Video or audio files.")],
    url: Annotated[str, typer.Option(envvar="PUBLIC_URL", help="Base URL of Campus.")] = "http://127.0.0.1:8000",
    title: Annotated[str, typer.Option(help="Title of the videos. Default: each file's name without extension.")] = "",
    email: Annotated[str, typer.Option(envvar="CAMPUS_EMAIL", help="E-mail of a teacher or an admin.")] = "",
    password: Annotated[str, typer.Option(envvar="CAMPUS_PASSWORD", help="Prompted for if not given.")] = "",
) -> None:
    """Upload files, wait until they are processed, and print their playback URLs."""
    # Imported here, as in manage.py, so that --help does not wait for it.
    from cms.client import ClientError, SignIn, send  # noqa: PLC0415

    for file in files:
        if not file.is_file():
            raise fail(f"{file} is not a file.")
    if not (email and password) and not sys.stdin.isatty():
        raise fail("Set --email and --password, or CAMPUS_EMAIL and CAMPUS_PASSWORD.")
    email = email or typer.prompt("E-mail")
    password = password or typer.prompt("Password", hide_input=True)
    failed = False
    url = url.rstrip("/")
    account = SignIn(url=url, email=email, password=password)
    for file in files:
        try:
            console.print(
                send(file, url=url, account=account, title=title or file.stem, console=console), soft_wrap=True
            )
        except ClientError as error:
            failed = True
            fail(f"{file.name}: {error}")
    if failed:
        raise typer.Exit(2)
