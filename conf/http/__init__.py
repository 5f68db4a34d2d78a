"""HTTP: the one route class, errors as problem+json, conventions of the API."""
