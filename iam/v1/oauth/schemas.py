"""What the consent page, and clients that log people in, send and get."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from conf.http.schemas import Input, Output

Query = Annotated[str, StringConstraints(max_length=8000, strip_whitespace=False)]


class Scope(Output):
    name: str
    meaning: str


class ConsentRequest(Output):
    """What to ask the person. Or `redirect_to`, where the browser goes with an error for the client."""

    client_name: str | None
    client_website: str | None
    owner_name: str | None = Field(description="Who made the client; Campus does not vouch for it.")
    redirect_host: str | None
    scopes: list[Scope]
    redirect_to: str | None


class Consent(Input):
    query: Query = Field(description="What came behind the ? of the authorization address, unchanged.")
    allow: bool


class Redirect(Output):
    redirect_to: str


class UserInfo(BaseModel):
    """OpenID Connect Core, 5.3.2: what the scopes tell."""

    model_config = ConfigDict(extra="allow")

    sub: str


class ClientTokens(BaseModel):
    """RFC 6749, 5.1, and OpenID Connect Core, 3.1.3.3."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    id_token: str


class OAuthError(BaseModel):
    """RFC 6749, 5.2."""

    error: str
    error_description: str | None = None


class KeySet(BaseModel):
    """RFC 7517, 5."""

    keys: list[dict[str, Any]]
