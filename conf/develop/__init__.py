"""Tools for developers: generators of API contracts, clients, protobuf files and the skeleton of a resource."""

import os

from dotenv import dotenv_values

from conf.settings import EXAMPLE_SECRET


def without_settings() -> None:
    """Set placeholders for missing settings, so that the application can be imported. These tools only inspect it."""
    values = dotenv_values(".env") | os.environ
    if not values.get("DATABASE_URL"):
        os.environ["DATABASE_URL"] = "postgresql://127.0.0.1:1/nowhere"
    if not values.get("SECRET_KEY"):
        os.environ |= {"SECRET_KEY": EXAMPLE_SECRET, "EMBEDDED": "1"}
