"""What the values of a video have to be, in every version of the API."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

Title = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Description = Annotated[str, StringConstraints(max_length=20_000)]
Tag = Annotated[
    str,
    StringConstraints(strip_whitespace=True),
    AfterValidator(str.lower),  # of which some letters become longer
    StringConstraints(min_length=1, max_length=40),
]
