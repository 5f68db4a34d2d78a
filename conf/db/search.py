"""Full-text search by prefixes of words."""

import re
from typing import Any

from sqlalchemy import ColumnElement, func

from conf.errors import Invalid


def prefix_query(words: str) -> ColumnElement[Any]:
    """Return a `tsquery` that matches texts with, for each of the words, a word that begins with it.

    Raises: Invalid, for the field `q`, if there are no words.
    """
    prefixes = re.findall(r"\w+", words)
    if not prefixes:
        raise Invalid("The search text must contain at least one letter or digit.", field="q")
    return func.to_tsquery("simple", " & ".join(f"{prefix}:*" for prefix in prefixes))
