"""Log in with Campus: OAuth 2 and OpenID Connect for `clients`, with `authorization_codes` and `signing_keys`."""
