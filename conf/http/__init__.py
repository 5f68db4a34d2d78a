"""HTTP: the route class, error responses (`application/problem+json`), and the conventions that all routes share."""
