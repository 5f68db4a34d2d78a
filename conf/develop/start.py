"""Turn a clone of Campus into a project of one's own: its name, the resources to keep, a contract of its own."""

import re
import shutil
import subprocess
import sys

from conf import resources
from conf.develop import removal
from conf.develop.names import ROOT, CannotChange

GROUND = ("iam", "jobs")
"""Resources that the others build on."""
NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
DOCS = {"clinic": ("docs/how-to/the-clinic.md",)}
"""Pages about one resource."""

README = """\
# {title}

A backend behind one versioned API, started from Campus.

```sh
make run     # runs everything here: http://127.0.0.1:8000/docs
make test    # runs the tests
```

Add a resource with `make resource NAME=library MODEL=book`: see
[docs/how-to/add-a-resource.md](docs/how-to/add-a-resource.md).
`make help` lists the other commands.
"""


def start(name: str, keep: list[str]) -> list[str]:
    """Rename the project, and remove all resources but those to `keep`.

    Returns what was done, a line each. Commits nothing. Raises: CannotChange.
    """
    _check(name, keep)
    title = re.sub(r"[-_]", " ", name).title()
    report = []
    dropped = [resource for resource in reversed(resources.INSTALLED) if resource not in keep]
    if dropped:
        report += _remove_benchmarks()
    for resource in dropped:
        removal.remove(resource, in_database=False)
        for page in DOCS.get(resource, ()):
            (ROOT / page).unlink(missing_ok=True)
        report.append(f"removed {resource}")
    if "clinic" in dropped:
        _replace("docs/how-to/operate.md", r" \(\[the clinic\]\(the-clinic\.md\)\)", "")
    _replace("conf/http/reference.py", r'^TITLE = ".*"$', f'TITLE = "{title}"')
    _replace("conf/http/reference.py", r'^SUMMARY = ".*"$', f'SUMMARY = "The backend of {title}"')
    _replace("pyproject.toml", r'^name = ".*"$', f'name = "{name}"')
    _replace("pyproject.toml", r'^description = ".*"$', f'description = "The backend of {title}"')
    (ROOT / "README.md").write_text(README.format(title=title))
    report.append(f"named the project {title}: conf/http/reference.py, pyproject.toml, README.md")
    for command in (["contract", "--breaking"], ["proto"]):
        subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    report.append("wrote a new contract: docs/openapi")
    return report


def _check(name: str, keep: list[str]) -> None:
    if not NAME.fullmatch(name):
        raise CannotChange(f"{name!r} is not a valid name: use lowercase letters, digits and -, a letter first")
    if unknown := [resource for resource in keep if resource not in resources.INSTALLED]:
        raise CannotChange(f"there is no resource {unknown[0]}; installed are {', '.join(resources.INSTALLED)}")
    if missing := [resource for resource in GROUND if resource not in keep]:
        raise CannotChange(f"{missing[0]} must be kept: the other code needs it")


def _remove_benchmarks() -> list[str]:
    """They measure the resources of Campus."""
    shutil.rmtree(ROOT / "benchmarks", ignore_errors=True)
    _replace("Makefile", r"^bench: .*\n\t.*\n\n", "")
    _replace("Makefile", r"^(\.PHONY: .*) bench\b", r"\1")
    return ["removed benchmarks/ and `make bench`"]


def _replace(path: str, pattern: str, text: str) -> None:
    file = ROOT / path
    file.write_text(re.sub(pattern, text, file.read_text(), count=1, flags=re.MULTILINE))
