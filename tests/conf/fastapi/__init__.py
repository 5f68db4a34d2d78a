"""Small apps taken in idea from FastAPI's documentation, to be run with any router."""
