"""`idempotency_keys`: the answers to requests that a client may send twice because it does not know of the first."""
