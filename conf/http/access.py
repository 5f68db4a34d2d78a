"""What a route says of who may call it, where anyone may. The other needs are in `iam.dependencies`."""

from fastapi import Depends


def public() -> None:
    """Anyone, signed in or not; nobody looks who it is."""


PUBLIC = Depends(public)
"""For `dependencies=[…]` of a route."""
