"""The names of a new resource and model, and the checks that nothing else has them."""

import ast
import builtins
import importlib.util
import keyword
import re
from dataclasses import dataclass
from pathlib import Path
from string import Template

from conf import resources
from conf.db.models import Model
from conf.http import reference
from conf.http.route import Route

ROOT = Path(__file__).parents[2]
SKELETON = Path(__file__).parent / "skeleton"
NAME = re.compile(r"[a-z]([a-z0-9]|_(?=[a-z0-9])){1,26}")
"""With `_0001` appended, it fits the 32 characters of an Alembic revision."""
FUNCTIONS = ("list_$models", "create_$model", "get_$model", "update_$model", "delete_$model")
"""The route functions of the skeleton: their names are operation ids."""


class CannotChange(Exception):
    """The reason, in one line."""


@dataclass(frozen=True)
class Names:
    """The names of a resource and of one of its models: `library`, `book`, `books`."""

    resource: str
    model: str
    models: str

    def words(self) -> dict[str, str]:
        camel = ["".join(part.title() for part in name.split("_")) for name in (self.model, self.models)]
        return {
            "resource": self.resource,
            "model": self.model,
            "models": self.models,
            "Model": camel[0],
            "Models": camel[1],
            "MODEL": self.model.upper(),
            "MODELS": self.models.upper(),
        }

    def fill(self, text: str, **more: str) -> str:
        """Replace `$resource`, `$model` and so on in a template."""
        return Template(text).safe_substitute(self.words() | more)


def plural_of(noun: str) -> str:
    """Guess the English plural."""
    if re.search(r"[^aeiou]y$", noun):
        return noun[:-1] + "ies"
    return noun + ("es" if re.search(r"(s|x|z|ch|sh)$", noun) else "s")


def assert_free(names: Names) -> None:
    """Raises: CannotChange, if a name is invalid, or something else has it."""
    for name in (names.resource, names.model, names.models):
        if not NAME.fullmatch(name):
            raise CannotChange(
                f"{name!r} is not a valid name: use 2 to 27 lowercase letters, digits and single _, a letter first"
            )
    for name in names.words().values():
        if keyword.iskeyword(name) or name in dir(builtins) or name in _identifiers():
            raise CannotChange(f"{name!r} has a meaning in Python or in the skeleton: use another word")
    if names.model == names.models:
        raise CannotChange(f"the plural must differ from {names.model!r}: use --plural")
    folder = ROOT / names.resource
    if (folder / names.models).exists():  # it has been added, or a run was interrupted
        return
    if names.resource not in resources.INSTALLED:
        _assert_not_registered(names.resource)
        if folder.exists():
            raise CannotChange(f"the folder {names.resource}/ already exists")
        if importlib.util.find_spec(names.resource) is not None:
            raise CannotChange(
                f"the Python package {names.resource} exists, and yours would shadow it: choose another name"
            )
    _assert_new_words(names)


def _assert_not_registered(resource: str) -> None:
    """Raises: CannotChange, if a list that `register` changes has the name already."""
    if f'"{resource}:' in (ROOT / "iam" / "roles.py").read_text():
        raise CannotChange(f"the permissions {resource}: already exist: choose another name")
    if resource in _ignored():
        raise CannotChange(f"the folder {resource}/ has another purpose")


def _assert_new_words(names: Names) -> None:
    """Raises: CannotChange, if a table, path, operation or schema of another resource has the name."""
    resources.import_models()
    if names.models in Model.metadata.tables:
        raise CannotChange(f"the table {names.models} already exists: choose another name")
    path = f"/api/v1/{names.models}"
    routers = [*resources.routers(), reference.router]
    handlers = [route.handler for router in routers for route in router.routes if isinstance(route, Route)]
    for handler in handlers:
        if re.fullmatch(rf"/api/v(\d+|{{version}})/{names.models}(/.*|\.\w+)?", handler.path):
            raise CannotChange(f"the path {path}/ already exists: choose another name")
        if handler.route.name in {names.fill(function) for function in FUNCTIONS}:
            raise CannotChange(f"the route {handler.route.name} already exists: choose another name")
    for version in reference.versions(handlers):
        schemas = reference.document(handlers, version)["components"]["schemas"]
        for template in ("$Model", "${Model}Create", "${Model}Update"):
            if (schema := names.fill(template)) in schemas:
                raise CannotChange(f"the schema {schema} already exists: choose another name")


def _ignored() -> set[str]:
    """Folders that git ignores, or that the checks skip."""
    lines = (ROOT / ".gitignore").read_text().splitlines()
    return {line.strip("/") for line in lines} | {"tests", "docs", "migrations", "benchmarks"}


def _identifiers() -> set[str]:
    """The identifiers in the skeleton's own code."""
    found: set[str] = set()
    for template in SKELETON.iterdir():
        text = Names("xx_resource", "xx_model", "xx_models").fill(template.read_text()).replace("$", "")
        for node in ast.walk(ast.parse(text)):
            match node:
                case ast.Name():
                    found.add(node.id)
                case ast.arg():
                    found.add(node.arg)
                case ast.alias():
                    found.add((node.asname or node.name).partition(".")[0])
                case ast.FunctionDef() | ast.ClassDef():
                    found.add(node.name)
    return found
