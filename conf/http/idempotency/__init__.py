"""`idempotency_keys`: stored responses to POST requests, for clients that repeat a request after a lost response."""
