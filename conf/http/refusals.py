"""Checks that refuse declarations of routes which would not work as FastAPI's documentation says.

docs/how-to/fastapi.md lists them with their alternatives.
"""

import inspect
from typing import TYPE_CHECKING, Any

from fastapi import params

from conf.db.dependencies import get_db
from conf.http.arguments import NotSupported
from conf.http.uploads import FilePart
from conf.http.wire.formats import BOTH
from conf.http.wire.shapes import NotRepresentable, message_of

if TYPE_CHECKING:
    from conf.http.handler import Handler


def refuse_unsupported(handler: "Handler", bodies: list[Any]) -> None:
    """Check the declaration of a route. Raises: NotSupported, if it uses a feature that is not supported."""
    name = handler.endpoint.__qualname__
    own = [d.call for d in handler.route.dependant.dependencies]
    if handler.is_async and get_db in own:
        raise NotSupported(
            f"{name}: An `async def` route cannot use the session. Declare it as a plain `def`. To stream, read from"
            " the database in a dependency, or call a `@with_db_session` function with `await threads().run(…)`."
        )
    if handler.is_async and handler.file_part is not None:
        raise NotSupported(f"{name}: A route that takes a file must be a plain `def`.")
    parts = [d.call for d in handler.dependants if isinstance(d.call, FilePart)]
    if len(parts) > 1 or (parts and parts[0] not in own):
        raise NotSupported(
            f"{name}: A route can take one file, as a parameter of the route itself. Dependencies cannot take a file:"
            " they run before it arrives."
        )
    if handler.file_part is not None and bodies:
        raise NotSupported(f"{name}: A route that takes a file cannot have another body. Use query parameters.")
    if any(isinstance(field.field_info, params.File) for field in bodies):
        raise NotSupported(
            f"{name}: Use `file: Upload` (conf.http.uploads) instead of File and UploadFile. It streams the file to"
            " disk and limits its size."
        )


def refuse_unsupported_by_protobuf(handler: "Handler", bodies: list[Any]) -> None:
    """Check the declaration of a route below /api/. Raises: NotSupported, if protobuf cannot represent its bodies."""
    name = handler.endpoint.__qualname__
    is_form = any(isinstance(field.field_info, params.Form) for field in bodies)
    if handler.has_fastapi_body and not is_form:
        raise NotSupported(
            f"{name}: Routes below /api/ support protobuf, where a request body is one message. Declare one body"
            " parameter whose schema has all the fields."
        )
    if handler.encoder.omits_fields and handler.formats == BOTH:
        raise NotSupported(
            f"{name}: Routes below /api/ support protobuf, where a response always has all fields of its schema."
            " Declare a schema with the fields to send, instead of response_model_include, response_model_exclude and"
            " similar options."
        )
    if inspect.signature(handler.endpoint).return_annotation is inspect.Signature.empty and not handler.response_type:
        raise NotSupported(
            f"{name}: Declare a return type or a response_model. Routes below /api/ support protobuf, which needs a"
            " schema."
        )
    if handler.formats == BOTH:
        for part, kind in (("body", handler.body_type), ("response", handler.response_type)):
            try:
                message_of(kind) if kind is not None else None
            except NotRepresentable as error:
                raise NotSupported(
                    f"{name}: Routes below /api/ support protobuf, which cannot represent the {part}. {error}"
                ) from None
