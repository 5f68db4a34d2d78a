"""Clients: programs of yours that log people in with Campus."""

from conf.http.pagination import Slice
from iam.clients.models import Client

from typing import Any

from fastapi import Request, Response

from conf.db.dependencies import DbSession
from conf.http.access import NO_STORE
from conf.http.conditional import IfMatch
from conf.http.pagination import Page, Paging
from conf.http.route import Router
from iam.clients import crud, helpers
from iam.dependencies import RequestOrigin, SignedIn
from iam.v1.clients import schemas

router = Router("/api/v1/clients", tags=["clients"])


@router.get("/", response_model=Page[schemas.Client])
def list_clients(
    db: DbSession, me: SignedIn, paging: Paging
) -> Slice[Client]:
    """Your own; all of them for an Admin. Signed in."""
    owner_id = None if me.may("clients:admin") else me.user_id
    rows = crud.page(db, owner_id=owner_id, after_id=paging.last_id, limit=paging.fetch)
    return paging.page(rows)


@router.post("/", status_code=201, dependencies=[NO_STORE])
def register_client(
    client: schemas.ClientCreate, db: DbSession, me: SignedIn, origin: RequestOrigin, response: Response
) -> schemas.NewClient:
    """A client, with its secret if it can keep one. Signed in."""
    created, secret = helpers.register(db, owner=me, origin=origin, **client.model_dump())
    response.headers["Location"] = f"/api/v1/clients/{created.client_id}/"
    return _with_secret(created, secret)


def _with_secret(client: Any, secret: str | None) -> schemas.NewClient:
    told = schemas.Client.model_validate(client).model_dump()
    return schemas.NewClient(**told, client_secret=secret)


@router.get("/{client_id}/", response_model=schemas.Client)
def get_client(client_id: schemas.ClientId, db: DbSession, me: SignedIn) -> Client:
    """One client. Owner or Admin."""
    return helpers.get(db, client_id=client_id, viewer=me)


@router.patch("/{client_id}/", response_model=schemas.Client)
def update_client(
    client_id: schemas.ClientId,
    changes: schemas.ClientUpdate,
    db: DbSession,
    me: SignedIn,
    origin: RequestOrigin,
    expected: IfMatch,
) -> Client:
    """Change the fields that are given. Owner or Admin."""
    return helpers.update(db, client_id=client_id, editor=me, origin=origin, expected=expected, **changes.given())


@router.post("/{client_id}/secret/", dependencies=[NO_STORE])
def change_client_secret(client_id: schemas.ClientId, db: DbSession, me: SignedIn, origin: RequestOrigin) -> schemas.NewClient:
    """Another secret; the one before is no good from now on. 409 for a public client. Owner or Admin."""
    client, secret = helpers.new_secret(db, client_id=client_id, editor=me, origin=origin)
    return _with_secret(client, secret)


@router.delete("/{client_id}/", status_code=204)
def delete_client(client_id: schemas.ClientId, db: DbSession, me: SignedIn, origin: RequestOrigin, expected: IfMatch) -> None:
    """Delete it; what it was given ends. Owner or Admin."""
    helpers.delete(db, client_id=client_id, editor=me, origin=origin, expected=expected)
