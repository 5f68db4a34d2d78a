"""The language that a client prefers according to its header `Accept-Language` (RFC 9110, 12.5.4)."""

from typing import Annotated

from fastapi import Depends, Request

from conf.http.wire.formats import parse_range
from conf.settings import get_settings
from conf.values import Language

_SUPPORTED = {language.value for language in Language}


def preferred(request: Request) -> Language:
    """Return the supported language that the client prefers; `DEFAULT_LANGUAGE` if it accepts none of them."""
    best, best_quality = get_settings().default_language, 0.0
    for part in request.headers.get("accept-language", "")[:200].split(","):
        tag, quality = parse_range(part.strip().lower())
        name = tag.partition("-")[0]
        if name in _SUPPORTED and quality > best_quality:
            best, best_quality = Language(name), quality
    return best


PreferredLanguage = Annotated[Language, Depends(preferred)]
