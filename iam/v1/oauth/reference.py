"""What FastAPI cannot derive for the API reference: the routes read their forms and queries from the request."""

from typing import Any

FORM = "application/x-www-form-urlencoded"
CLIENT_ID = ("The `client_id` of the client.", "campus-5f0c2a9be81d4c7fa36b0e12")
REDIRECT_URI = ("One of the redirect URIs of the client, exactly as registered.", "https://club.example/callback")
QUERY_PARAMETERS = {
    "response_type": ("Always `code`.", "code"),
    "client_id": CLIENT_ID,
    "redirect_uri": REDIRECT_URI,
    "scope": ("`openid` and, if needed, `profile` and `email`, separated by spaces.", "openid profile"),
    "state": ("Any value. It is returned unchanged in the redirect.", "xyz"),
    "nonce": ("Any value. It is returned unchanged in the ID token.", "n-0S6_WzA2Mj"),
    "code_challenge": (
        "The SHA-256 hash of `code_verifier` in base64url (RFC 7636).",
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    ),
    "code_challenge_method": ("Always `S256`.", "S256"),
}
"""Description and example of each parameter of an authorization request."""
CLIENT_FIELDS = {
    "client_id": (f"{CLIENT_ID[0]} Leave it out if the client authenticates by HTTP Basic.", CLIENT_ID[1]),
    "client_secret": (
        "The secret of the client. Leave it out if the client authenticates by HTTP Basic or is public.",
        "uM3rV0x2Qk7cW9sT4yB1nL6pD8fH5jAzE0iGoXqKvRw",
    ),
}
CODE_FIELDS = {
    "grant_type": ("Always `authorization_code`.", "authorization_code"),
    "code": ("The authorization code.", "3kTq9vXyB7mPzR1sWc5dLh8n"),
    "redirect_uri": ("The `redirect_uri` of the authorization request.", REDIRECT_URI[1]),
    "code_verifier": (
        "The value whose hash was the `code_challenge`: 43 to 128 characters (RFC 7636).",
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    ),
}
TOKEN_FIELDS = {"token": ("The access token.", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl")}


def _form(required: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """Return the `openapi_extra` of a route that takes a form with these fields and those of the client."""
    properties = {
        name: {"type": "string", "description": description, "examples": [example]}
        for name, (description, example) in (required | CLIENT_FIELDS).items()
    }
    schema = {"type": "object", "required": list(required), "properties": properties}
    return {"requestBody": {"required": True, "content": {FORM: {"schema": schema}}}}


AUTHORIZATION = {
    "parameters": [
        {
            "name": name,
            "in": "query",
            "required": name not in ("state", "nonce"),
            "description": description,
            "schema": {"type": "string", "examples": [example]},
        }
        for name, (description, example) in QUERY_PARAMETERS.items()
    ]
}
BEARER: dict[str, Any] = {"security": [{"Bearer": []}]}
CODE_FORM = _form(CODE_FIELDS)
TOKEN_FORM = _form(TOKEN_FIELDS)
