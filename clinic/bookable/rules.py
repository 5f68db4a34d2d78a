"""What the values of something that can be booked have to be, in every version of the API."""

from typing import Annotated

from pydantic import Field, StringConstraints

MAX_MINUTES = 8 * 60
MAX_HORIZON_DAYS = 400

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Price = Annotated[int, Field(ge=0, le=2**31 - 1, description="In cents, or what your currency has for them.")]
Duration = Annotated[int, Field(ge=5, le=MAX_MINUTES, description="Of a booking.")]
Interval = Annotated[int, Field(ge=5, le=MAX_MINUTES, description="From one slot's beginning to the next one's.")]
Buffer = Annotated[int, Field(ge=0, le=MAX_MINUTES, description="Kept free after each booking.")]
Notice = Annotated[
    int, Field(ge=0, le=60 * 24 * 60, description="How long before its beginning a slot is no longer offered.")
]
Horizon = Annotated[int, Field(ge=1, le=MAX_HORIZON_DAYS, description="How far ahead slots are offered.")]
Deadline = Annotated[
    int, Field(ge=0, le=60 * 24 * 60, description="How long before the beginning a patient may still move or cancel.")
]
