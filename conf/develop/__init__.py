"""Tools of those who write Campus: what is generated from the code, and the skeleton of a resource."""

import os

from conf.settings import EXAMPLE_SECRET


def without_settings() -> None:
    """Let the code be imported where nothing is set: these tools look at it and run none of it."""
    os.environ.setdefault("DATABASE_URL", "postgresql://127.0.0.1:1/nowhere")
    if not os.environ.get("SECRET_KEY"):
        os.environ |= {"SECRET_KEY": EXAMPLE_SECRET, "EMBEDDED": "1"}
