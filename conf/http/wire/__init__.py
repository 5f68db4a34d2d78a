"""Bodies as JSON or as protobuf, for the same routes and from the same pydantic schemas."""
