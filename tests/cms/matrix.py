from fastapi.testclient import TestClient

from tests.cms.clips import clip
from tests.matrix import OWNER, TEACHERS, V1, Case, anyone, everyone, only
from tests.people import Person

V2 = "/api/v2"


def _file() -> dict[str, bytes]:
    return {"file": clip().read_bytes()}


ROWS = {
    "watch": Case("/watch/", everyone()),
    "watch_file": Case("/watch/watch.js", everyone()),
    "list_videos": Case(f"{V1}/videos/", anyone()),
    "create_video": Case(f"{V1}/videos/", only(*TEACHERS, status=201), json={"title": "x"}),
    "get_video": Case(f"{V1}/videos/{{video}}/", anyone()),
    "update_video": Case(f"{V1}/videos/{{video}}/", only(*OWNER), json={"title": "y"}),
    "delete_video": Case(f"{V1}/videos/{{video}}/", only(*OWNER, status=204)),
    "upload_video": Case(f"{V1}/videos/{{video}}/upload/", only(*OWNER), files=_file),
    "v2.list_videos": Case(f"{V2}/videos/", anyone()),
    "v2.create_video": Case(f"{V2}/videos/", only(*TEACHERS, status=201), json={"title": "x"}),
    "v2.get_video": Case(f"{V2}/videos/{{video}}/", anyone()),
    "v2.update_video": Case(f"{V2}/videos/{{video}}/", only(*OWNER), json={"title": "y"}, headers={"If-Match": "*"}),
    "v2.delete_video": Case(f"{V2}/videos/{{video}}/", only(*OWNER, status=204)),
    "v2.upload_video": Case(f"{V2}/videos/{{video}}/upload/", only(*OWNER), files=_file),
}


def make_rows(api: TestClient, owner: Person) -> dict[str, object]:
    return {"video": api.post(f"{V2}/videos/", json={"title": "x"}, headers=owner.headers).json()["id"]}
