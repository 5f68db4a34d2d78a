"""Error reporting of the commands: one line on standard error and exit status 2."""

import typer
from rich.console import Console

console = Console(highlight=False, soft_wrap=True)


def fail(reason: str) -> typer.Exit:
    """Print the reason, and return the exception that ends the command with status 2."""
    Console(stderr=True, highlight=False).print(f"campus: {reason}", style="red", markup=False, soft_wrap=True)
    return typer.Exit(2)
