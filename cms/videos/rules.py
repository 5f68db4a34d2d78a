"""Types of the values of a video, with their constraints, for every version of the API."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

Title = Annotated[
    str, StringConstraints(min_length=1, max_length=200), Field(examples=["Linear algebra, lecture 1: vector spaces"])
]
Description = Annotated[
    str,
    StringConstraints(max_length=20_000),
    Field(examples=["Vector spaces, subspaces and bases. Lecture notes: https://campus.example/notes/1.pdf"]),
]
Tag = Annotated[
    str,
    StringConstraints(strip_whitespace=True),
    AfterValidator(str.lower),  # Before the length is checked: the lower case of some letters is longer.
    StringConstraints(min_length=1, max_length=40),
    Field(examples=["algebra"]),
]
