"""Translated texts in Fluent (https://projectfluent.org), from the files `<resource>/texts/<language>.ftl`.

    TEXTS = Texts("clinic")
    TEXTS(Language.UK, "booked-subject")

A test ensures that every message exists in all languages of its resource, and that every message is used.
"""

import datetime as dt
import functools
import zoneinfo
from pathlib import Path

from babel.dates import format_datetime
from fluent.runtime import FluentBundle, FluentResource

from conf.values import Language

ROOT = Path(__file__).parents[1]


class Texts:
    """The texts of one resource."""

    def __init__(self, resource: str) -> None:
        self.resource = resource

    def __call__(self, language: Language, message: str, **values: str | int) -> str:
        """Return the message in the language, with `values` in the place of its variables.

        Raises: LookupError, if there is no such message; ValueError, if a variable has no value.
        """
        bundle = _bundle(self.resource, language)
        if not bundle.has_message(message):
            raise LookupError(f"{self.resource}/texts/{language}.ftl has no message {message}")
        pattern = bundle.get_message(message).value
        if pattern is None:
            raise LookupError(f"the message {message} of {self.resource} has no text")
        text, errors = bundle.format_pattern(pattern, values)
        if errors:
            raise ValueError(f"the message {message} of {self.resource} cannot be formatted: {errors[0]}")
        return str(text)


@functools.cache
def _bundle(resource: str, language: Language) -> FluentBundle:
    # Without Unicode isolation marks around values: they would break links in plain-text e-mails.
    bundle = FluentBundle([language], use_isolating=False)
    bundle.add_resource(FluentResource((ROOT / resource / "texts" / f"{language}.ftl").read_text(encoding="utf-8")))
    return bundle


def clock(moment: dt.datetime, time_zone: str, language: Language = Language.EN) -> str:
    """Format the local time in an IANA time zone: "Saturday, 21 November 2026, 09:30 (Europe/Kyiv)"."""
    zone = zoneinfo.ZoneInfo(time_zone)
    return f"{format_datetime(moment, 'EEEE, d MMMM y, HH:mm', tzinfo=zone, locale=language)} ({time_zone})"
