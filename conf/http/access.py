"""What a route says of who may call it, where anyone may, and of who may keep the answer. The other needs are in
`iam.dependencies`."""

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import Depends

C = TypeVar("C", bound=Callable[..., Any])


def requires_sign_in(dependency: C) -> C:
    """Decorator: a dependency that refuses who is not signed in. Others that look who asks let anyone through, and the
    reference says so."""
    dependency.requires_sign_in = True  # type: ignore[attr-defined]
    return dependency


def public() -> None:
    """Anyone, signed in or not; nobody looks who it is."""


PUBLIC = Depends(public)
"""For `dependencies=[…]` of a route."""


def no_store() -> None:
    """The route class looks for it."""


NO_STORE = Depends(no_store)
"""For `dependencies=[…]` of a route that tells secrets: nobody keeps the answer, nor do we for an `Idempotency-Key`."""
