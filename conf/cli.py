"""What the commands of the command line share: each tells what is wrong in one line and ends with status 2."""

import typer
from rich.console import Console

console = Console(highlight=False)


def fail(reason: str) -> typer.Exit:
    Console(stderr=True, highlight=False).print(f"campus: {reason}", style="red", markup=False, soft_wrap=True)
    return typer.Exit(2)
