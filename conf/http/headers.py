"""The headers of a request, read from the scope alone."""

from starlette.types import Scope


def header(scope: Scope, name: bytes) -> bytes:
    """The header's value, empty when it is not there; several lines are one list."""
    found = [value for given, value in scope["headers"] if given == name]
    return found[0] if len(found) == 1 else b", ".join(found)
