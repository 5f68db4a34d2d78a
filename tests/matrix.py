"""Who gets which answer: the words that each resource's `matrix.py` says it in.

Such a module has `ROWS`, by the name of the route's function (`v2.` before it for another version than the first), and
`make_rows`, which makes what the paths and bodies of its rows name.
"""

from dataclasses import dataclass, field
from typing import Any

PEOPLE = ("stranger", "student", "staff", "owner", "teacher", "admin")
"""`owner` is a teacher whose things the paths name; `teacher` is another; `stranger` came by registration."""
CALLERS = ("anonymous", *PEOPLE, "client token", "refresh token")
V1 = "/api/v1"

Expected = dict[str, int]


def everyone(status: int = 200) -> Expected:
    """Nobody looks who it is."""
    return dict.fromkeys(CALLERS, status)


def signed_in(status: int = 200, **others: int) -> Expected:
    return dict.fromkeys(CALLERS, 401) | dict.fromkeys(PEOPLE, status) | others


def anyone(status: int = 200) -> Expected:
    """Everyone, but a bad token is refused."""
    return signed_in(status, anonymous=status)


def only(*who: str, status: int = 200, others: int = 403) -> Expected:
    return signed_in(others) | dict.fromkeys(who, status)


TEACHERS = ("owner", "teacher", "admin")
OWNER = ("owner", "admin")


@dataclass(frozen=True)
class Case:
    """What to send, with `{video}` and the like filled in, and what each caller gets."""

    path: str
    expected: Expected
    json: dict[str, Any] | None = None
    files: Any = None
    """Or a function that makes them."""
    data: dict[str, str] | None = None
    headers: dict[str, str] = field(default_factory=dict)
