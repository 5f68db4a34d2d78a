"""Web pages of the clinic."""
