"""Who sees which video."""

from fastapi.testclient import TestClient

from tests.matrix import CALLERS, OWNER, PEOPLE, V1, only
from tests.world import make_world


def test_an_inactive_video_is_seen_by_its_owner_and_admins_alone(anonymous: TestClient) -> None:
    world = make_world(anonymous)
    path = f"{V1}/videos/{world.names['video']}/"
    anonymous.patch(path, json={"is_active": False}, headers=world.headers["owner"])
    seen = {caller: anonymous.get(path, headers=world.headers[caller]).status_code for caller in CALLERS}
    assert seen == only(*OWNER, others=404) | {"anonymous": 404}
    listed = {
        caller: len(anonymous.get(f"{V1}/videos/", headers=world.headers[caller]).json())
        for caller in ("anonymous", *PEOPLE)
    }
    assert listed == dict.fromkeys(("anonymous", *PEOPLE), 0) | dict.fromkeys(OWNER, 1)
    for method, body in (("PATCH", {"title": "x"}), ("DELETE", None)):
        assert anonymous.request(method, path, json=body, headers=world.headers["teacher"]).status_code == 404
