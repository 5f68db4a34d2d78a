"""Types of the fields that doctors and diagnostics share, for every version of the API."""

from typing import Annotated

from pydantic import Field, StringConstraints

MAX_MINUTES = 8 * 60
MAX_HORIZON_DAYS = 400

Name = Annotated[str, StringConstraints(min_length=1, max_length=200), Field(examples=["Dr. Anna Rey"])]
Price = Annotated[
    int,
    Field(
        ge=0,
        le=2**31 - 1,
        description="Price in the smallest unit of the currency (cents), from 0 to 2147483647.",
        examples=[5000],
    ),
]
Duration = Annotated[
    int, Field(ge=5, le=MAX_MINUTES, description="Length of a booking in minutes, from 5 to 480.", examples=[30])
]
Interval = Annotated[
    int,
    Field(
        ge=5,
        le=MAX_MINUTES,
        description="Minutes from the start of one slot to the start of the next, from 5 to 480.",
        examples=[30],
    ),
]
Buffer = Annotated[
    int, Field(ge=0, le=MAX_MINUTES, description="Minutes kept free after each booking, from 0 to 480.", examples=[10])
]
Notice = Annotated[
    int,
    Field(
        ge=0,
        le=60 * 24 * 60,
        description=(
            "Minimum notice for a booking in minutes, from 0 to 86400 (60 days). Slots that start sooner are not"
            " offered."
        ),
        examples=[60],
    ),
]
Horizon = Annotated[
    int,
    Field(
        ge=1,
        le=MAX_HORIZON_DAYS,
        description="Number of days ahead of today for which slots are offered, from 1 to 400.",
        examples=[90],
    ),
]
Deadline = Annotated[
    int,
    Field(
        ge=0,
        le=60 * 24 * 60,
        description=(
            "Minutes before the start until which the patient may reschedule or cancel, from 0 to 86400 (60 days)."
        ),
        examples=[120],
    ),
]
