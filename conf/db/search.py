"""Full-text search for words by their beginnings."""

import re
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, SelectBase, SQLColumnExpression, any_, bindparam, func

from conf.errors import Invalid


def prefix_text(words: str) -> str:
    """Return the text of a `tsquery` that matches texts with, for each of the words, a word that begins with it.

    Raises: Invalid, for the field `q`, if there are no words.
    """
    prefixes = re.findall(r"\w+", words)
    if not prefixes:
        raise Invalid("The search text must contain at least one letter or digit.", field="q")
    return " & ".join(f"{prefix}:*" for prefix in prefixes)


def prefix_query(parameter: str) -> ColumnElement[Any]:
    """Return a `tsquery` whose text is the statement's parameter of this name, made by `prefix_text`."""
    return func.to_tsquery("simple", bindparam(parameter))


def among(identifier: SQLColumnExpression[int], found: SelectBase) -> ColumnElement[bool]:
    """Return the condition that the id is one of those that the statement `found` selects.

    PostgreSQL executes `found` once, with its index. With a plain condition it guesses that any search finds much, and
    reads the table in the order of the list until a page is full.
    """
    ids = func.array(found.scalar_subquery(), type_=ARRAY(BigInteger))
    return identifier == any_(ids)


def escape_like(words: str) -> str:
    """Return the text with the wildcards of LIKE escaped."""
    return re.sub(r"([\\%_])", r"\\\1", words)
