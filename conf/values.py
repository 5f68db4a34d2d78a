"""What values have to be, wherever they come from."""

from pydantic import AfterValidator

MAX_ID = 2**63 - 1


def _storable(text: str | None) -> str | None:
    if text is not None and "\0" in text:
        raise ValueError("must not contain the NUL character")
    return text


Storable = AfterValidator(_storable)
"""For text: PostgreSQL can keep it. Behind `StringConstraints`, so that those speak of characters."""
