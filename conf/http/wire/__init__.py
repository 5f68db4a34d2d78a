"""Request and response bodies as JSON or protobuf, from the same pydantic schemas."""
