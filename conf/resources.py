"""The installed resources, and what is found in them by the names of their modules.

A resource is a top-level package. These modules are found in it:

| module | contents |
|---|---|
| `<version>.routes`, also in subpackages of the version | `router` |
| `pages.routes` | `router` of its web pages |
| `models`, `tasks`, at any depth | tables; Celery tasks |
| `events`, `subscribers` | domain events and their handlers (`conf.events`) |
| `commands` | `app`, a Typer application with commands for `manage.py` |
| `demo` | `demonstrate`, which creates sample data (optional) |

Its migrations are in `migrations/versions/<resource>`. If a name is removed from `INSTALLED`, the API, the workers and
the migrations work without that resource.
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


def _matching(pattern: str) -> list[str]:
    """Return the names of the modules of `conf` and the installed resources that match."""
    return [module for name in ("conf", *INSTALLED) for module in _modules(name) if re.search(pattern, module)]


def task_modules() -> list[str]:
    return _matching(r"\.tasks$")


def import_models() -> list[ModuleType]:
    """Import the modules of all tables, so that the metadata is complete and foreign keys can be resolved."""
    return [importlib.import_module(module) for module in _matching(r"\.models$")]


def import_subscribers() -> list[ModuleType]:
    """Import the modules of all events and of all handlers."""
    return [importlib.import_module(module) for module in _matching(r"^\w+\.(events|subscribers)$")]


def commands() -> list["typer.Typer"]:
    return [importlib.import_module(module).app for module in _matching(r"^\w+\.commands$")]


def demos() -> list[Callable[[str, "Console"], None]]:
    """Return the functions that create sample data in the Campus at a URL. They report on a console.

    The functions raise CampusError.
    """
    modules = [importlib.import_module(module) for module in _matching(r"^\w+\.demo$")]
    return [module.demonstrate for module in modules if hasattr(module, "demonstrate")]


def routers() -> list["Router"]:
    return [importlib.import_module(module).router for module in _matching(r"\.(v\d+(\.\w+)*|pages)\.routes$")]
