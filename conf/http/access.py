"""Markers for public routes and for responses that must not be stored. Other permissions are in `iam.dependencies`."""

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import Depends

C = TypeVar("C", bound=Callable[..., Any])


def requires_sign_in(dependency: C) -> C:
    """Mark a dependency that raises Unauthenticated for anonymous callers.

    A route whose dependencies read the credentials, but none of which has this mark, may be called without them. The
    API reference shows its authentication as optional.
    """
    dependency.requires_sign_in = True  # type: ignore[attr-defined]
    return dependency


def public() -> None:
    """Mark a route that anyone may call. It does not check the caller's identity; see `PUBLIC`."""


PUBLIC = Depends(public)
"""For `dependencies=[…]` of a route that anyone may call."""


def no_store() -> None:
    """Mark a route whose responses must not be stored; see `NO_STORE`. The route class looks for this dependency."""


NO_STORE = Depends(no_store)
"""For `dependencies=[…]` of a route that returns secrets.

Its responses have `Cache-Control: no-store`, and they are not stored for an `Idempotency-Key`.
"""
