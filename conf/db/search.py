"""Full-text search by the prefix_query of words."""

import re
from typing import Any

from sqlalchemy import ColumnElement, func

from conf.errors import Invalid


def prefix_query(words: str) -> ColumnElement[Any]:
    """A `tsquery` that wants, for each of the words, one that begins like it. Invalid, of `q`, when there is none."""
    found = re.findall(r"\w+", words)
    if not found:
        raise Invalid("There is no letter in it.", field="q")
    return func.to_tsquery("simple", " & ".join(f"{word}:*" for word in found))
