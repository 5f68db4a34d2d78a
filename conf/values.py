"""What values have to be, wherever they come from."""

import datetime as dt
from dataclasses import dataclass

from pydantic import AfterValidator

from conf.errors import Changed

MAX_ID = 2**63 - 1
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_STEP = dt.timedelta(microseconds=1)


def _storable(text: str | None) -> str | None:
    if text is not None and "\0" in text:
        raise ValueError("must not contain the NUL character")
    return text


Storable = AfterValidator(_storable)
"""For text: PostgreSQL can keep it. Behind `StringConstraints`, so that those speak of characters."""


@dataclass(frozen=True)
class Expected:
    """The versions of a row that whoever changes it has seen; None: any will do."""

    versions: frozenset[int] | None = None

    def check(self, updated_at: dt.datetime) -> None:
        """Of a row that is locked, before it is changed. Changed."""
        if self.versions is not None and version_of(updated_at) not in self.versions:
            raise Changed("It has changed since you read it. Read it again.")


ANY = Expected()


def version_of(updated_at: dt.datetime) -> int:
    """A number for what a row was at that time."""
    return (updated_at - _EPOCH) // _STEP
