"""Which resources are installed, and what each offers by the place it keeps it.

A resource is a top-level package. Found by name in it: `<version>.routes` and `pages.routes` with their `router`, and
anywhere the modules
`models` and `tasks`; on top of it `events` and `subscribers` (`conf.events`), `commands` with its `app` of the command
line, and `demo` with what `demonstrate` puts in; its migrations are in `migrations/versions/<resource>`. Take a name
out of `INSTALLED` and the API, the workers and the migrations go on without it.
"""

import functools
import importlib
import pkgutil
import re
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer
    from rich.console import Console

    from conf.http.route import Router

INSTALLED = ["iam", "jobs", "cms", "clinic"]


@functools.cache
def _modules(name: str) -> tuple[str, ...]:
    package = importlib.import_module(name)
    return tuple(module.name for module in pkgutil.walk_packages(package.__path__, name + "."))


def _named(pattern: str) -> list[str]:
    return [module for name in ("conf", *INSTALLED) for module in _modules(name) if re.search(pattern, module)]


def task_modules() -> list[str]:
    return _named(r"\.tasks$")


def import_models() -> list[ModuleType]:
    """Import every table, so that metadata and foreign keys are whole."""
    return [importlib.import_module(module) for module in _named(r"\.models$")]


def import_subscribers() -> list[ModuleType]:
    """Import every declaration of an event, and every handler."""
    return [importlib.import_module(module) for module in _named(r"^\w+\.(events|subscribers)$")]


def commands() -> list["typer.Typer"]:
    return [importlib.import_module(module).app for module in _named(r"^\w+\.commands$")]


def demos() -> list[Callable[[str, "Console"], None]]:
    """Each fills the Campus at a URL and tells on a console what it did. CampusError."""
    modules = [importlib.import_module(module) for module in _named(r"^\w+\.demo$")]
    return [module.demonstrate for module in modules if hasattr(module, "demonstrate")]


def routers() -> list["Router"]:
    return [importlib.import_module(module).router for module in _named(r"\.(v\d+(\.\w+)*|pages)\.routes$")]
