"""The contract of each version is kept."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
import typer

from conf.develop import contract
from conf.develop.contract import breaks, committed, current

NOW = current()
V2 = "/api/v2/videos/"
ONE = "/api/v2/videos/{video_id}/"


def test_the_code_keeps_what_was_promised() -> None:
    promised = committed()
    assert set(promised) == set(NOW)
    for version, before in promised.items():
        assert breaks(before, NOW[version]) == [], "make contract ARGS=--breaking, if it must be"


def test_the_same_breaks_nothing() -> None:
    for document in NOW.values():
        assert breaks(document, document) == []


def schema(document: Any, name: str) -> Any:
    return document["components"]["schemas"][name]


BREAKING: dict[str, Callable[[Any], object]] = {
    "GET /api/v2/videos/ is gone": lambda d: d["paths"][V2].pop("get"),
    "the parameter tag is gone": lambda d: d["paths"][V2]["get"]["parameters"].remove(parameter(d, "tag")),
    "the parameter tag is required now": lambda d: parameter(d, "tag").update(required=True),
    "limit: maximum is 50 now": lambda d: parameter(d, "limit")["schema"].update(maximum=50),
    "the answer 200 is gone": lambda d: d["paths"][V2]["get"]["responses"].pop("200"),
    "application/protobuf is gone": lambda d: d["paths"][V2]["get"]["responses"]["200"]["content"].pop(
        "application/protobuf"
    ),
    "the field title is gone": lambda d: schema(d, "Video")["properties"].pop("title"),
    "the field title is not always there any more": lambda d: schema(d, "Video")["required"].remove("title"),
    "title: string is not taken any more": lambda d: schema(d, "VideoCreate")["properties"]["title"].update(
        type="integer"
    ),
    "id: string is new here": lambda d: schema(d, "Video")["properties"]["id"].update(type="string"),
    "title: null is new here": lambda d: schema(d, "Video")["properties"].update(
        title={"anyOf": [{"type": "string"}, {"type": "null"}]}
    ),
    "title: maxLength is 100 now": lambda d: schema(d, "VideoCreate")["properties"]["title"].update(maxLength=100),
    "title: its pattern is": lambda d: schema(d, "VideoCreate")["properties"]["title"].update(pattern="^a"),
    "created_at: its format is date now": lambda d: schema(d, "Video")["properties"]["created_at"].update(
        format="date"
    ),
    "the field colour is required now": lambda d: (
        schema(d, "VideoCreate")["properties"].update(colour={"type": "string"}),
        schema(d, "VideoCreate")["required"].append("colour"),
    ),
    "the field description is required now": lambda d: schema(d, "VideoCreate")["required"].append("description"),
    "the values unlisted are gone": lambda d: schema(d, "Visibility")["enum"].remove("unlisted"),
    "takes no body any more": lambda d: d["paths"][V2]["post"].pop("requestBody"),
    "tags.*: integer is new here": lambda d: schema(d, "Video")["properties"]["tags"].update(items={"type": "integer"}),
    "playback.duration_s: string is new here": lambda d: schema(d, "Playback")["properties"]["duration_s"].update(
        type="string"
    ),
}


def parameter(document: Any, name: str) -> Any:
    (found,) = [one for one in document["paths"][V2]["get"]["parameters"] if one["name"] == name]
    return found


@pytest.mark.parametrize("reason", BREAKING)
def test_what_breaks_clients_is_found(reason: str) -> None:
    after = copy.deepcopy(NOW[2])
    BREAKING[reason](after)
    found = breaks(NOW[2], after)
    assert any(reason in line for line in found), found


ADDITIVE: dict[str, Callable[[Any], object]] = {
    "a route": lambda d: d["paths"].update({"/api/v2/more/": {"get": {"responses": {}}}}),
    "a parameter": lambda d: d["paths"][V2]["get"]["parameters"].append(
        {"name": "more", "in": "query", "required": False, "schema": {"type": "string"}}
    ),
    "a field of an answer": lambda d: (
        schema(d, "Video")["properties"].update(more={"type": "string"}),
        schema(d, "Video")["required"].append("more"),
    ),
    "a field of a body": lambda d: schema(d, "VideoCreate")["properties"].update(more={"type": "string"}),
    "a value of an enum": lambda d: schema(d, "Visibility")["enum"].append("friends"),
    "a wider limit": lambda d: parameter(d, "limit")["schema"].update(maximum=500),
    "a status of refusal": lambda d: d["paths"][V2]["get"]["responses"].update({"410": {"description": "Gone"}}),
    "a description": lambda d: schema(d, "Video").update(description="Otherwise put."),
    "a null that is taken": lambda d: schema(d, "VideoCreate")["properties"].update(
        description={"anyOf": [{"type": "string", "maxLength": 20000}, {"type": "null"}]}
    ),
    "an answer that is never null any more": lambda d: schema(d, "Video")["properties"].update(
        error={"type": "string"}
    ),
    "a field that need not be given": lambda d: schema(d, "VideoCreate")["required"].remove("title"),
}


@pytest.mark.parametrize("what", ADDITIVE)
def test_more_breaks_nobody(what: str) -> None:
    after = copy.deepcopy(NOW[2])
    ADDITIVE[what](after)
    assert json.dumps(after) != json.dumps(NOW[2])
    assert breaks(NOW[2], after) == []


def test_a_contract_is_not_written_over_by_one_that_breaks_it(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import manage

    monkeypatch.setattr(contract, "FOLDER", tmp_path)
    before = copy.deepcopy(NOW)
    before[2]["paths"]["/api/v2/gone/"] = {"get": {"responses": {}}}
    contract.write(before)
    with pytest.raises(typer.Exit) as refused:
        manage.contract(breaking=False)
    assert refused.value.exit_code == 2
    assert "GET /api/v2/gone/ is gone" in capsys.readouterr().err
    assert "/api/v2/gone/" in (tmp_path / "v2.json").read_text()
