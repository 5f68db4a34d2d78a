"""The OpenAPI documents of all versions, for the tests that read them: building one takes a second."""

import functools
from typing import Any

from conf.http import reference
from conf.http.index import handlers
from main import app

VERSIONS = sorted(reference.versions(handlers(app)))


@functools.cache
def document(version: int) -> dict[str, Any]:
    """Return the document of a version, which no test may change."""
    return reference.document(handlers(app), version)
