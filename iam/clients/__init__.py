"""Log in with Campus: an OAuth 2 and OpenID Connect server, with `clients`, `authorization_codes` and `signing_keys`."""
