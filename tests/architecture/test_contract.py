"""The contract of each version is kept."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
import typer

from conf.develop import contract
from conf.develop.contract import breaks, committed
from tests.documents import VERSIONS, document

NOW = {version: document(version) for version in VERSIONS}
GROUPS = "/api/v1/groups/"


def test_the_code_keeps_what_was_promised() -> None:
    promised = committed()
    assert set(promised) == set(NOW)
    for version, before in promised.items():
        assert breaks(before, NOW[version]) == [], "make contract ARGS=--breaking, if it must be"


def test_the_same_breaks_nothing() -> None:
    for present in NOW.values():
        assert breaks(present, present) == []


def schema(document: Any, name: str) -> Any:
    return document["components"]["schemas"][name]


BREAKING: dict[str, Callable[[Any], object]] = {
    "GET /api/v1/groups/ was removed": lambda d: d["paths"][GROUPS].pop("get"),
    "the parameter cursor was removed": lambda d: d["paths"][GROUPS]["get"]["parameters"].remove(
        parameter(d, "cursor")
    ),
    "the parameter cursor is now required": lambda d: parameter(d, "cursor").update(required=True),
    "limit: maximum is now 50": lambda d: parameter(d, "limit")["schema"].update(maximum=50),
    "the response 200 was removed": lambda d: d["paths"][GROUPS]["get"]["responses"].pop("200"),
    "the content type application/protobuf was removed": lambda d: d["paths"][GROUPS]["get"]["responses"]["200"][
        "content"
    ].pop("application/protobuf"),
    "the field name was removed": lambda d: schema(d, "Group")["properties"].pop("name"),
    "the field name is no longer always present": lambda d: schema(d, "Group")["required"].remove("name"),
    "name: the type string is no longer accepted": lambda d: schema(d, "GroupCreate")["properties"]["name"].update(
        type="integer"
    ),
    "id: the type string is new": lambda d: schema(d, "Group")["properties"]["id"].update(type="string"),
    "name: the type null is new": lambda d: schema(d, "Group")["properties"].update(
        name={"anyOf": [{"type": "string"}, {"type": "null"}]}
    ),
    "name: maxLength is now 50": lambda d: schema(d, "GroupCreate")["properties"]["name"].update(maxLength=50),
    "name: the pattern is now": lambda d: schema(d, "GroupCreate")["properties"]["name"].update(pattern="^a"),
    "created_at: the format is now date": lambda d: schema(d, "Group")["properties"]["created_at"].update(
        format="date"
    ),
    "the field motto is now required": lambda d: (
        schema(d, "GroupCreate")["properties"].update(motto={"type": "string"}),
        schema(d, "GroupCreate")["required"].append("motto"),
    ),
    "the field colour is now required": lambda d: schema(d, "GroupCreate")["required"].append("colour"),
    "the values staff were removed": lambda d: schema(d, "Role")["enum"].remove("staff"),
    "no longer accepts a request body": lambda d: d["paths"][GROUPS]["post"].pop("requestBody"),
    "tech_stack.*: the type integer is new": lambda d: schema(d, "User")["properties"]["tech_stack"].update(
        items={"type": "integer"}
    ),
    "group.colour: the type integer is new": lambda d: schema(d, "Group")["properties"]["colour"].update(
        type="integer"
    ),
}


def parameter(document: Any, name: str) -> Any:
    (found,) = [one for one in document["paths"][GROUPS]["get"]["parameters"] if one["name"] == name]
    return found


BREAKING |= {
    "it now requires sign-in": lambda d: d["paths"]["/api/v1/users/leaderboard/"]["get"].update(
        security=[{"Bearer": []}]
    ),
    "the operationId is now all_groups": lambda d: d["paths"][GROUPS]["get"].update(operationId="all_groups"),
    "limit: the default is now 1": lambda d: parameter(d, "limit")["schema"].update(default=1),
    "redirect_uris: uniqueItems is now True": lambda d: schema(d, "ClientCreate")["properties"]["redirect_uris"].update(
        uniqueItems=True
    ),
}


@pytest.mark.parametrize("reason", BREAKING)
def test_what_breaks_clients_is_found(reason: str) -> None:
    after = copy.deepcopy(NOW[1])
    BREAKING[reason](after)
    found = breaks(NOW[1], after)
    assert any(reason in line for line in found), found


ADDITIVE: dict[str, Callable[[Any], object]] = {
    "a route": lambda d: d["paths"].update({"/api/v2/more/": {"get": {"responses": {}}}}),
    "a parameter": lambda d: d["paths"][GROUPS]["get"]["parameters"].append(
        {"name": "more", "in": "query", "required": False, "schema": {"type": "string"}}
    ),
    "a field of an answer": lambda d: (
        schema(d, "Group")["properties"].update(more={"type": "string"}),
        schema(d, "Group")["required"].append("more"),
    ),
    "a field of a body": lambda d: schema(d, "GroupCreate")["properties"].update(more={"type": "string"}),
    "a value of an enum": lambda d: schema(d, "Role")["enum"].append("friends"),
    "a wider limit": lambda d: parameter(d, "limit")["schema"].update(maximum=500),
    "a status of refusal": lambda d: d["paths"][GROUPS]["get"]["responses"].update({"410": {"description": "Gone"}}),
    "a description": lambda d: schema(d, "Group").update(description="Otherwise put."),
    "a null that is taken": lambda d: schema(d, "GroupCreate")["properties"].update(
        colour={"anyOf": [schema(d, "GroupCreate")["properties"]["colour"], {"type": "null"}]}
    ),
    "an answer that is never null any more": lambda d: schema(d, "Client")["properties"].update(
        website={"type": "string"}
    ),
    "another name of a parameter in a path": lambda d: (
        d["paths"].update({"/api/v1/groups/{id}/": d["paths"].pop("/api/v1/groups/{group_id}/")}),
        d["paths"]["/api/v1/groups/{id}/"]["get"]["parameters"][0].update(name="id"),
    ),
    "a field that need not be given": lambda d: schema(d, "GroupCreate")["required"].remove("name"),
}


@pytest.mark.parametrize("what", ADDITIVE)
def test_more_breaks_nobody(what: str) -> None:
    after = copy.deepcopy(NOW[1])
    ADDITIVE[what](after)
    assert json.dumps(after) != json.dumps(NOW[1])
    assert breaks(NOW[1], after) == []


def test_a_contract_is_not_written_over_by_one_that_breaks_it(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from conf.develop import commands

    monkeypatch.setattr(contract, "FOLDER", tmp_path)
    before = copy.deepcopy(NOW)
    before[1]["paths"]["/api/v1/gone/"] = {"get": {"responses": {}}}
    contract.write(before)
    with pytest.raises(typer.Exit) as refused:
        commands.contract(breaking=False)
    assert refused.value.exit_code == 2
    assert "GET /api/v1/gone/ was removed" in capsys.readouterr().err
    assert "/api/v1/gone/" in (tmp_path / "v1.json").read_text()


def test_no_two_schemas_have_the_same_name() -> None:
    """Else both are named by their modules, and those that clients knew before are gone."""
    for told in NOW.values():
        names = told["components"]["schemas"]
        assert [name for name in names if "__" in name or name.endswith(("-Input", "-Output"))] == []
