"""Validate the return value of a route and encode it as JSON or protobuf, with the API's headers."""

from typing import Any

from fastapi import Response
from fastapi.datastructures import DefaultPlaceholder
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import ResponseValidationError
from fastapi.utils import is_body_allowed_for_status_code
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Row

from conf.db.reads import Fetched
from conf.http import conditional
from conf.http.arguments import Call
from conf.http.pagination import Slice
from conf.http.wire.codec import codec_of

NO_STORE_HEADER = (b"cache-control", b"no-store")
_FIELD_OPTIONS = ("include", "exclude", "exclude_unset", "exclude_defaults", "exclude_none")
"""FastAPI's `response_model_…` options that omit fields."""


class Encoder:
    """Encodes the responses of one route. `is_private`: they must not be stored."""

    def __init__(self, route: Any, *, is_private: bool) -> None:
        self.route = route
        self.is_private = is_private
        self.response_type: Any = route.response_model
        self.negotiates = self.response_type is not None and isinstance(route.response_class, DefaultPlaceholder)
        """Whether the client may choose the format with `Accept`."""
        self._response = TypeAdapter(self.response_type) if self.response_type else None
        self._dump_options = {
            name: value for name in _FIELD_OPTIONS if (value := getattr(route, f"response_model_{name}"))
        }
        self.omits_fields = bool(self._dump_options)
        self._dump_options["by_alias"] = route.response_model_by_alias

    def encode(self, result: Any, call: Call, *, compress: bool = True) -> Response:
        """Return the response for the route's return value, with the headers and status code that `call` collected.

        Raises: ResponseValidationError.
        """
        given = call.response
        if isinstance(result, Response):
            if result.background is None:
                result.background = call.background
            return result
        status = self.route.status_code or 200
        if given is not None and given.status_code:
            status = given.status_code
        if self.negotiates and is_body_allowed_for_status_code(status):
            response = self._negotiated(result, call.request.scope, status, compress=compress)
        else:
            response = self._plain_response(result, status, has_status=bool(given and given.status_code))
        if self.is_private:
            response.raw_headers.append(NO_STORE_HEADER)
        if given is not None:
            _set_headers(response, given)
        response.background = call.background
        return response

    def _negotiated(self, result: Any, scope: Any, status: int, *, compress: bool) -> Response:
        """Return a response in the negotiated format, with an ETag and compression."""
        assert self._response is not None
        form = scope["format"]
        value = self._validated(result)
        if form.is_protobuf:
            body = codec_of(self.response_type).encode(value)
        else:
            body = self._response.dump_json(value, **self._dump_options)
        response = Response(body, status, None, form.value)
        return response if self.is_private else conditional.finish(response, value, scope, compress=compress)

    def _plain_response(self, result: Any, status: int, *, has_status: bool) -> Response:
        """Return the response as FastAPI creates it: of the declared class, or JSON for any value."""
        if not is_body_allowed_for_status_code(status):
            return Response(status_code=status)
        content = result
        if self._response is not None:
            content = self._response.dump_python(self._validated(result), mode="json", **self._dump_options)
        else:
            content = jsonable_encoder(result)
        declared = self.route.response_class
        response_class: type[Response] = declared.value if isinstance(declared, DefaultPlaceholder) else declared
        if has_status or self.route.status_code is not None:
            return response_class(content, status_code=status)
        return response_class(content)  # a redirect has its own default status code

    def _validated(self, result: Any) -> Any:
        assert self._response is not None
        try:
            return self._response.validate_python(_as_dicts(result), from_attributes=True)
        except ValidationError as error:  # without the values, which must not be logged
            raise ResponseValidationError(error.errors(include_url=False, include_input=False)) from None


def _set_headers(response: Response, given: Response) -> None:
    """Set the headers of `given` on the response. They replace headers of the same name, except cookies."""
    new = given.raw_headers
    replaced = {name for name, _ in new if name != b"set-cookie"}
    response.raw_headers[:] = [pair for pair in response.raw_headers if pair[0] not in replaced] + new


def _as_dicts(result: Any) -> Any:
    """Convert rows to dicts, which pydantic reads three times as fast as attributes."""
    if isinstance(result, Row | Fetched):
        return dict(zip(result._fields, result, strict=True))
    if isinstance(result, list) and result and isinstance(result[0], Row | Fetched):
        names = result[0]._fields
        return [dict(zip(names, row, strict=True)) for row in result]
    if isinstance(result, Slice):
        return {"items": _as_dicts(result.items), "next": result.next}
    return result
