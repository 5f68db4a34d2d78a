"""Security schemes."""

from base64 import b64encode
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Security
from fastapi.security import (
    APIKeyCookie,
    APIKeyHeader,
    APIKeyQuery,
    HTTPAuthorizationCredentials,
    HTTPBasic,
    HTTPBasicCredentials,
    HTTPBearer,
    HTTPDigest,
    OAuth2AuthorizationCodeBearer,
    OAuth2PasswordBearer,
    OAuth2PasswordRequestForm,
    OAuth2PasswordRequestFormStrict,
    OpenIdConnect,
    SecurityScopes,
)

from tests.conf.fastapi.base import Call, case


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def basic(pair: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(pair.encode()).decode()}


@case(
    "OAuth2PasswordBearer",
    Call("GET", "/", headers=bearer("abc")),
    Call("GET", "/", status=401),
    Call("GET", "/", headers={"Authorization": "Basic abc"}, status=401),
    Call("GET", "/optional/"),
    Call("GET", "/optional/", headers=bearer("abc")),
    Call("GET", "/async/", headers=bearer("abc")),
)
def oauth2_bearer(app: FastAPI, router: APIRouter) -> None:
    scheme = OAuth2PasswordBearer(tokenUrl="token")
    optional = OAuth2PasswordBearer(tokenUrl="token", auto_error=False)

    @router.get("/")
    def read(token: Annotated[str, Depends(scheme)]) -> dict[str, str]:
        return {"token": token}

    @router.get("/optional/")
    def read_optional(token: Annotated[str | None, Depends(optional)]) -> dict[str, str | None]:
        return {"token": token}

    @router.get("/async/")
    async def read_async(token: Annotated[str, Depends(scheme)]) -> dict[str, str]:
        return {"token": token}


@case(
    "The current user is found by a token from a login form",
    Call("POST", "/token", data={"username": "ann", "password": "secret"}),
    Call("POST", "/token", data={"username": "ann", "password": "wrong"}, status=400),
    Call("POST", "/token", data={"username": "ann"}, status=422),
    Call("GET", "/users/me", headers=bearer("ann")),
    Call("GET", "/users/me", headers=bearer("bob"), status=400),
    Call("GET", "/users/me", headers=bearer("eve"), status=401),
    Call("GET", "/users/me", status=401),
)
def current_user(app: FastAPI, router: APIRouter) -> None:
    scheme = OAuth2PasswordBearer(tokenUrl="token")
    users: dict[str, dict[str, Any]] = {
        "ann": {"username": "ann", "password": "secret", "disabled": False},
        "bob": {"username": "bob", "password": "secret", "disabled": True},
    }

    async def current(token: Annotated[str, Depends(scheme)]) -> dict[str, Any]:
        if token not in users:
            raise HTTPException(401, "Not authenticated", {"WWW-Authenticate": "Bearer"})
        return users[token]

    def active(user: Annotated[dict[str, Any], Depends(current)]) -> dict[str, Any]:
        if user["disabled"]:
            raise HTTPException(400, "Inactive user")
        return user

    @router.post("/token")
    def login(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> dict[str, str]:
        user = users.get(form.username)
        if user is None or form.password != user["password"]:
            raise HTTPException(400, "Incorrect username or password")
        return {"access_token": form.username, "token_type": "bearer"}

    @router.get("/users/me")
    def read(user: Annotated[dict[str, Any], Depends(active)]) -> dict[str, Any]:
        return {"username": user["username"]}


PASSWORD = {"grant_type": "password", "username": "ann", "password": "secret"}


@case(
    "OAuth2PasswordRequestForm and OAuth2PasswordRequestFormStrict",
    Call("POST", "/lax", data=PASSWORD | {"scope": "a b", "client_id": "c", "client_secret": "d"}),
    Call("POST", "/lax", data=PASSWORD | {"grant_type": "other"}, status=422),
    Call("POST", "/strict", data=PASSWORD),
    Call("POST", "/strict", data={"username": "ann", "password": "secret"}, status=422),
)
def password_forms(app: FastAPI, router: APIRouter) -> None:
    @router.post("/lax")
    def lax(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> dict[str, Any]:
        return vars(form)

    @router.post("/strict")
    def strict(form: Annotated[OAuth2PasswordRequestFormStrict, Depends()]) -> dict[str, Any]:
        return vars(form)


@case(
    "HTTPBasic",
    Call("GET", "/", headers=basic("ann:secret")),
    Call("GET", "/", headers=basic("ann:se:cret")),
    Call("GET", "/", status=401),
    Call("GET", "/", headers={"Authorization": "Basic nonsense!"}, status=401),
    Call("GET", "/", headers=basic("nocolon"), status=401),
    Call("GET", "/checked/", headers=basic("ann:wrong"), status=401),
    Call("GET", "/checked/", headers=basic("ann:secret")),
    Call("GET", "/realm/", status=401),
    Call("GET", "/optional/"),
)
def http_basic(app: FastAPI, router: APIRouter) -> None:
    scheme = HTTPBasic()

    @router.get("/")
    def read(credentials: Annotated[HTTPBasicCredentials, Depends(scheme)]) -> HTTPBasicCredentials:
        return credentials

    def checked(credentials: Annotated[HTTPBasicCredentials, Depends(scheme)]) -> str:
        if credentials.password != "secret":
            raise HTTPException(401, "Incorrect", headers={"WWW-Authenticate": "Basic"})
        return credentials.username

    @router.get("/checked/")
    def read_checked(name: Annotated[str, Depends(checked)]) -> str:
        return name

    @router.get("/realm/", dependencies=[Depends(HTTPBasic(realm="simple"))])
    def read_realm() -> str:
        return "in"

    @router.get("/optional/")
    def read_optional(found: Annotated[HTTPBasicCredentials | None, Depends(HTTPBasic(auto_error=False))]) -> bool:
        return found is not None


@case(
    "HTTPBearer and HTTPDigest",
    Call("GET", "/", headers=bearer("abc")),
    Call("GET", "/", status=401),
    Call("GET", "/", headers={"Authorization": "Other abc"}, status=401),
    Call("GET", "/optional/"),
    Call("GET", "/digest/", headers={"Authorization": "Digest abc"}),
    Call("GET", "/digest/", status=401),
)
def http_bearer(app: FastAPI, router: APIRouter) -> None:
    @router.get("/")
    def read(found: Annotated[HTTPAuthorizationCredentials, Security(HTTPBearer())]) -> dict[str, str]:
        return {"scheme": found.scheme, "credentials": found.credentials}

    @router.get("/optional/")
    def read_optional(
        found: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
    ) -> bool:
        return found is not None

    @router.get("/digest/")
    def read_digest(found: Annotated[HTTPAuthorizationCredentials, Depends(HTTPDigest())]) -> str:
        return found.credentials


@case(
    "APIKeyHeader, APIKeyQuery and APIKeyCookie",
    Call("GET", "/header/", headers={"x-key": "abc"}),
    Call("GET", "/header/", status=401),
    Call("GET", "/query/?key=abc"),
    Call("GET", "/query/", status=401),
    Call("GET", "/cookie/", cookies={"session": "abc"}),
    Call("GET", "/cookie/", status=401),
    Call("GET", "/optional/"),
)
def api_keys(app: FastAPI, router: APIRouter) -> None:
    @router.get("/header/")
    def read_header(key: Annotated[str, Depends(APIKeyHeader(name="x-key"))]) -> str:
        return key

    @router.get("/query/")
    def read_query(key: Annotated[str, Depends(APIKeyQuery(name="key"))]) -> str:
        return key

    @router.get("/cookie/")
    def read_cookie(key: Annotated[str, Depends(APIKeyCookie(name="session"))]) -> str:
        return key

    @router.get("/optional/")
    def read_optional(
        a: Annotated[str | None, Security(APIKeyHeader(name="x-key", auto_error=False))],
        b: Annotated[str | None, Security(APIKeyQuery(name="key", auto_error=False))],
        c: Annotated[str | None, Security(APIKeyCookie(name="session", auto_error=False))],
    ) -> list[str | None]:
        return [a, b, c]


@case(
    "OpenID Connect and the authorization code flow",
    Call("GET", "/openid/", headers=bearer("abc")),
    Call("GET", "/openid/", status=401),
    Call("GET", "/code/", headers=bearer("abc")),
    Call("GET", "/code/", status=401),
)
def other_schemes(app: FastAPI, router: APIRouter) -> None:
    openid = OpenIdConnect(openIdConnectUrl="/openid")
    code = OAuth2AuthorizationCodeBearer(authorizationUrl="/authorize", tokenUrl="/token")

    @router.get("/openid/")
    def read_openid(header: Annotated[str, Security(openid)]) -> str:
        return header

    @router.get("/code/")
    def read_code(token: Annotated[str, Security(code)]) -> str:
        return token


@case(
    "Scopes of Security reach the dependency",
    Call("GET", "/none/", headers=bearer("me")),
    Call("GET", "/me/", headers=bearer("me")),
    Call("GET", "/items/", headers=bearer("me+items")),
    Call("GET", "/items/", headers=bearer("me"), status=401),
    Call("GET", "/async/", headers=bearer("items"), status=401),
    Call("GET", "/decorator/", headers=bearer("admin")),
    Call("GET", "/decorator/", headers=bearer("me"), status=401),
)
def scopes(app: FastAPI, router: APIRouter) -> None:
    scheme = OAuth2PasswordBearer(tokenUrl="token", scopes={"me": "Oneself", "items": "Items", "admin": "All"})

    async def user(scopes: SecurityScopes, token: Annotated[str, Depends(scheme)]) -> list[str]:
        challenge = f'Bearer scope="{scopes.scope_str}"' if scopes.scopes else "Bearer"
        for scope in scopes.scopes:
            if scope not in token.split("+"):
                raise HTTPException(401, f"Not enough permissions: {scope}", {"WWW-Authenticate": challenge})
        return scopes.scopes

    def active(found: Annotated[list[str], Security(user, scopes=["me"])]) -> list[str]:
        return found

    @router.get("/none/")
    def read_none(found: Annotated[list[str], Depends(user)]) -> list[str]:
        return found

    @router.get("/me/")
    def read_me(found: Annotated[list[str], Depends(active)]) -> list[str]:
        return found

    @router.get("/items/")
    def read_items(found: Annotated[list[str], Security(active, scopes=["items"])]) -> list[str]:
        return found

    @router.get("/async/")
    async def read_async(found: Annotated[list[str], Security(active, scopes=["items"])]) -> list[str]:
        return found

    @router.get("/decorator/", dependencies=[Security(user, scopes=["admin"])])
    def read_decorator() -> str:
        return "in"


@case("One dependency is called for each of its sets of scopes", Call("GET", "/"))
def scopes_and_cache(app: FastAPI, router: APIRouter) -> None:
    def scoped(scopes: SecurityScopes) -> str:
        return scopes.scope_str

    def below(text: Annotated[str, Security(scoped, scopes=["b"])]) -> str:
        return text

    @router.get("/")
    def read(
        a: Annotated[str, Security(scoped, scopes=["a"])],
        b: Annotated[str, Security(below, scopes=["c"])],
        c: Annotated[str, Depends(scoped)],
    ) -> list[str]:
        return [a, b, c]
