"""Tools of those who write Campus: what is generated from the code, and the skeleton of a resource."""

import os

from dotenv import dotenv_values

from conf.settings import EXAMPLE_SECRET


def without_settings() -> None:
    """Let the code be imported where nothing is set: these tools look at it and run none of it."""
    given = dotenv_values(".env") | os.environ
    if not given.get("DATABASE_URL"):
        os.environ["DATABASE_URL"] = "postgresql://127.0.0.1:1/nowhere"
    if not given.get("SECRET_KEY"):
        os.environ |= {"SECRET_KEY": EXAMPLE_SECRET, "EMBEDDED": "1"}
