"""The commands of `manage.py` for developers."""

import os
from pathlib import Path
from typing import Annotated

import typer

from conf.cli import console, fail

app = typer.Typer()


@app.command()
def proto(
    check: Annotated[bool, typer.Option(help="Write nothing; exit with status 2 if a file is not up to date.")] = False,
    breaking: Annotated[bool, typer.Option(help="Allow a field to change its type.")] = False,
) -> None:
    """Write every wire.proto from the schemas, and compile it. For developers."""
    from conf.develop import without_settings

    without_settings()
    from conf import resources
    from conf.develop.proto import ROOT, write
    from conf.http.wire.shapes import NotRepresentable

    resources.import_models()
    try:
        stale = [path.relative_to(ROOT).as_posix() for path in write(check=check, breaking=breaking)]
    except NotRepresentable as error:
        raise fail(str(error)) from None
    if check and stale:
        raise fail(f"not up to date: {', '.join(stale)} (run `make proto`)")
    console.print("\n".join(stale) or "Every wire.proto is up to date.", markup=False)


@app.command()
def contract(
    breaking: Annotated[bool, typer.Option(help="Write it even if clients of the present contract break.")] = False,
) -> None:
    """Write docs/openapi/v*.json from the code, unless that would break clients. For developers."""
    from conf.develop import without_settings

    without_settings()
    from conf.develop.contract import ROOT, breaks, committed, current, write
    from main import app as whole

    contracts = current(whole)
    broken = [
        f"v{version}: {reason}"
        for version, before in committed().items()
        for reason in (breaks(before, contracts[version]) if version in contracts else ["it is gone"])
    ]
    if broken and not breaking:
        raise fail("this breaks clients (--breaking writes it anyway): " + "; ".join(broken))
    changed = [path.relative_to(ROOT).as_posix() for path in write(contracts)]
    console.print("\n".join(changed) or "The contracts are up to date.", markup=False)


@app.command()
def resource(
    name: Annotated[str, typer.Argument(help="The name of its folder: library.")],
    model: Annotated[str, typer.Argument(help="The name of a model, singular: book. Not needed with --remove.")] = "",
    plural: Annotated[str, typer.Option(help="The plural of the model, if it is irregular: children.")] = "",
    remove: Annotated[bool, typer.Option(help="Remove the resource, and its tables if they are empty.")] = False,
    force: Annotated[bool, typer.Option(help="Remove it even if its files are not committed.")] = False,
) -> None:
    """Write the skeleton of a resource, or of another model of a resource, and install it. For developers."""
    from dotenv import dotenv_values

    from conf.develop import without_settings

    url = os.environ.get("DATABASE_URL") or dotenv_values(".env").get("DATABASE_URL")
    if not model and not remove:
        raise fail("name a MODEL too: make resource NAME=library MODEL=book")
    without_settings()
    from sqlalchemy.exc import DBAPIError

    from conf import resources
    from conf.develop import removal
    from conf.develop.names import CannotChange, Names, plural_of
    from conf.develop.resource import add

    resources.import_models()
    try:
        if remove:
            removal.assert_unused(name)
            if not url and Path("data").exists():
                raise fail(
                    "the database in the folder data may have its tables: start `make run`, and set DATABASE_URL to the"
                    " one that it prints"
                )
            changed = removal.remove(name, in_database=bool(url), force=force)
        else:
            changed = add(Names(name, model, plural or plural_of(model)))
    except CannotChange as error:
        raise fail(str(error)) from None
    except DBAPIError as error:
        raise fail(f"the database: {str(error.orig).strip().splitlines()[0]}") from None
    console.print("\n".join(changed) or f"{name} has {model} already: nothing to do.", markup=False)
    if changed and remove and not url:
        console.print("Only the code was removed. DATABASE_URL is not set, so a database keeps its tables.")
    elif changed and not remove:
        console.print(
            "`make run` and `make dev` migrate their database by themselves; `manage.py migrate` migrates another."
            " See docs/how-to/add-a-resource.md."
        )


@app.command()
def migration(
    name: Annotated[str, typer.Argument(help="The resource whose models have changed: cms.")],
    message: Annotated[str, typer.Argument(help='What changes: "add the course of a video".')],
    empty: Annotated[bool, typer.Option(help="Write an empty migration, for a change of data.")] = False,
) -> None:
    """Write a migration from the changes of the models, on a temporary database. For developers."""
    from conf.develop import without_settings

    without_settings()
    from conf.develop.migration import CannotMigrate, write_migration
    from conf.develop.names import ROOT
    from conf.embedded import CannotStart

    try:
        path = write_migration(name, message, empty=empty)
    except (CannotMigrate, CannotStart) as error:
        raise fail(str(error)) from None
    if path is None:
        console.print(
            f"The models and the migrations of {name} agree: nothing to do. ARGS=--empty writes an empty one."
        )
    else:
        console.print(f"{path.relative_to(ROOT).as_posix()}\nRead it before you commit it.", markup=False)


@app.command()
def start(
    name: Annotated[str, typer.Argument(help="The name of the project: acme.")],
    keep: Annotated[str, typer.Option(help="The resources to keep, separated by commas.")] = "iam,jobs",
) -> None:
    """Turn this clone into a project of your own: rename it, and remove the other resources. For developers."""
    from conf.develop import without_settings

    without_settings()
    from conf import resources
    from conf.develop.names import CannotChange
    from conf.develop.start import start as start_project

    resources.import_models()
    try:
        report = start_project(name, [resource.strip() for resource in keep.split(",") if resource.strip()])
    except CannotChange as error:
        raise fail(str(error)) from None
    console.print("\n".join(report), markup=False)
    console.print("Nothing has been committed. See docs/how-to/start-your-own.md for what is left to do.")


@app.command()
def libraries() -> None:
    """Install the browser libraries of web/package-lock.json with npm. Without npm or a registry, say so and go on."""
    from conf.develop.libraries import CannotInstall, install

    try:
        install()
    except CannotInstall as error:
        console.print(
            f"The browser libraries are not installed: {error} Pages use what the browser has.", style="yellow"
        )


@app.command()
def clients(
    folder: Annotated[Path, typer.Argument(help="The target: python/ and typescript/ are written in it.")] = Path(
        "clients"
    ),
    typescript: Annotated[bool, typer.Option(help="Write the TypeScript client too; it needs Node.js.")] = True,
) -> None:
    """Write typed clients in Python and TypeScript. For developers."""
    from conf.develop import without_settings

    without_settings()
    from conf.develop.clients import PYTHON, TYPESCRIPT, CannotMake, make
    from conf.develop.contract import current
    from main import app as whole

    contracts = current(whole)
    try:
        languages = (PYTHON, TYPESCRIPT) if typescript else (PYTHON,)
        written = make(contracts[max(contracts)], folder, languages=languages)
    except CannotMake as error:
        raise fail(str(error)) from None
    console.print("\n".join(map(str, written)), markup=False)
