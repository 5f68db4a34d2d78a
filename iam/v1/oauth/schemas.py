"""Request and response schemas of the consent page and of the OAuth endpoints."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from conf.http.schemas import Input, Output

Query = Annotated[
    str,
    StringConstraints(max_length=8000, strip_whitespace=False),
    Field(
        examples=[
            (
                "response_type=code&client_id=campus-5f0c2a9be81d4c7fa36b0e12"
                "&redirect_uri=https%3A%2F%2Fclub.example%2Fcallback&scope=openid%20profile&state=xyz"
                "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
            )
        ]
    ),
]


class Scope(Output):
    """A scope that a client requests."""

    name: str = Field(description="`openid`, `profile` or `email`.", examples=["profile"])
    meaning: str = Field(
        description="What the scope allows the client to do, in English, for the consent page.",
        examples=["See your name, nickname, picture and website"],
    )


class ConsentRequest(Output):
    """What the consent page asks the user.

    If the request of the client is wrong, only `redirect_to` is set: `scopes` is empty and the other fields are null.
    """

    client_name: str | None = Field(description="Name of the client.", examples=["Chess club"])
    client_website: str | None = Field(
        description="Website of the client; null if it has none.", examples=["https://club.example/"]
    )
    owner_name: str | None = Field(
        description="Name of the user who registered the client. Campus does not vouch for the client.",
        examples=["Ada Lovelace"],
    )
    redirect_host: str | None = Field(
        description="Host (or, for an app, the URL scheme) to which the browser returns.", examples=["club.example"]
    )
    scopes: list[Scope]
    redirect_to: str | None = Field(
        description="URL of the client, with the error in its query, to which the browser must go; else null.",
        examples=["https://club.example/callback?error=invalid_scope&state=xyz&iss=https%3A%2F%2Fcampus.example"],
    )


class Consent(Input):
    """The decision of the user."""

    query: Query = Field(description="The query string of the authorization URL, unchanged: everything after the `?`.")
    allow: bool = Field(description="Whether the user allows the client what it requests.")


class Redirect(Output):
    """Where the browser must go next."""

    redirect_to: str = Field(
        description="URL of the client, with the authorization code or the error `access_denied` in its query.",
        examples=["https://club.example/callback?code=3kTq9vXy&state=xyz&iss=https%3A%2F%2Fcampus.example"],
    )


class UserInfo(BaseModel):
    """The claims about the user that the scopes of the token allow (OpenID Connect Core, 5.3.2 and 5.4)."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [{"sub": "7", "name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace"}]
        },
    )

    sub: str = Field(description="Identifier of the user, always the same for the same user.", examples=["7"])


class ClientTokens(BaseModel):
    """The tokens of a client (RFC 6749, 5.1, and OpenID Connect Core, 3.1.3.3)."""

    access_token: str = Field(
        description="Token for `/oauth/userinfo`. Other routes do not accept it.",
        examples=["eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl"],
    )
    token_type: str = Field(description="Always `Bearer`.", examples=["Bearer"])
    expires_in: int = Field(description="Seconds for which the access token is valid.", examples=[900])
    scope: str = Field(description="The granted scopes, separated by spaces.", examples=["openid profile"])
    id_token: str = Field(
        description="ID token (OpenID Connect Core, 2), signed with RS256.",
        examples=["eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl"],
    )


class OAuthError(BaseModel):
    """An error of a token or revocation request (RFC 6749, 5.2)."""

    error: str = Field(description="Error code.", examples=["invalid_grant"])
    error_description: str | None = Field(
        None, description="What is wrong, for developers.", examples=["Invalid 'code' in request."]
    )


class KeySet(BaseModel):
    """A JSON Web Key Set (RFC 7517, 5)."""

    keys: list[dict[str, Any]] = Field(
        description="The public keys. An ID token names its key by `kid`.",
        examples=[[{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "9f86d081", "n": "0vx7agoebGcQ…", "e": "AQAB"}]],
    )
