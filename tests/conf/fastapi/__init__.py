"""Small apps after the examples of FastAPI's documentation, which run with any router."""
