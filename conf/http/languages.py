"""The language of a client that does not name one: what its `Accept-Language` likes best (RFC 9110, 12.5.4)."""

from typing import Annotated

from fastapi import Depends, Request

from conf.http.wire.formats import range_of
from conf.settings import get_settings
from conf.values import Language

_SPOKEN = {language.value for language in Language}


def preferred(request: Request) -> Language:
    """The best of the languages that Campus speaks; `DEFAULT_LANGUAGE` where the client likes none of them."""
    best, best_quality = get_settings().default_language, 0.0
    for part in request.headers.get("accept-language", "")[:200].split(","):
        tag, quality = range_of(part.strip().lower())
        name = tag.partition("-")[0]
        if name in _SPOKEN and quality > best_quality:
            best, best_quality = Language(name), quality
    return best


PreferredLanguage = Annotated[Language, Depends(preferred)]
