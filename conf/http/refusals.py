"""What a route may not declare, because it would not work as FastAPI's documentation says, and what to declare instead.

docs/how-to/fastapi.md lists it.
"""

import inspect
from typing import TYPE_CHECKING, Any

from fastapi import params

from conf.db.dependencies import get_db
from conf.http.arguments import NotSupported
from conf.http.uploads import FilePart
from conf.http.wire.formats import BOTH
from conf.http.wire.shapes import CannotShow, message_of

if TYPE_CHECKING:
    from conf.http.handler import Handler


def refuse_what_differs(handler: "Handler", bodies: list[Any]) -> None:
    """Raises: NotSupported, for what would not work as FastAPI's documentation says."""
    name = handler.endpoint.__qualname__
    own = [d.call for d in handler.route.dependant.dependencies]
    if handler.is_async and get_db in own:
        raise NotSupported(
            f"{name}: an `async def` route gets no session. Write it as a plain `def`; to stream, get what you need"
            " in a dependency, or call a `@with_db_session` function by `await threads().run(…)`."
        )
    if handler.is_async and handler.file_part is not None:
        raise NotSupported(f"{name}: a route that takes a file is a plain `def`.")
    parts = [d.call for d in handler.dependants if isinstance(d.call, FilePart)]
    if len(parts) > 1 or (parts and parts[0] not in own):
        raise NotSupported(f"{name}: one file, as a parameter of the route: dependencies run before it arrives.")
    if handler.file_part is not None and bodies:
        raise NotSupported(f"{name}: a route that takes a file has no other body. Use query parameters.")
    if any(isinstance(field.field_info, params.File) for field in bodies):
        raise NotSupported(
            f"{name}: use `file: Upload` (conf.http.uploads) in place of File and UploadFile: it streams to the"
            " disk, within limits."
        )


def refuse_what_protobuf_cannot_say(handler: "Handler", bodies: list[Any]) -> None:
    """Raises: NotSupported. For a route below /api/."""
    name = handler.endpoint.__qualname__
    is_form = any(isinstance(field.field_info, params.Form) for field in bodies)
    if handler.has_general_body and not is_form:
        raise NotSupported(
            f"{name}: routes below /api/ speak protobuf, where a body is one message. Declare one body parameter,"
            " of a schema that has all its values."
        )
    if handler.encoder.leaves_fields_out and handler.formats == BOTH:
        raise NotSupported(
            f"{name}: routes below /api/ speak protobuf, where every field is there. Declare a schema with the"
            " fields that you send in place of response_model_include, _exclude and the like."
        )
    if inspect.signature(handler.endpoint).return_annotation is inspect.Signature.empty and not handler.response_type:
        raise NotSupported(f"{name}: declare a return type or a response_model. Routes below /api/ speak protobuf.")
    if handler.formats == BOTH:
        for part, kind in (("body", handler.body_type), ("response", handler.response_type)):
            try:
                message_of(kind) if kind is not None else None
            except CannotShow as error:
                raise NotSupported(f"{name}: routes below /api/ speak protobuf. The {part}: {error}") from None
