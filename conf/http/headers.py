"""Read the headers of a request from the ASGI scope."""

from starlette.types import Scope


def header(scope: Scope, name: bytes) -> bytes:
    """Return the header's value. It is empty if the header is missing; repeated headers are joined with commas."""
    found = [value for given, value in scope["headers"] if given == name]
    return found[0] if len(found) == 1 else b", ".join(found)
