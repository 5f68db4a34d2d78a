"""Many rows, with few that match each filter: the first ones, or those in the middle of the order of the list."""

from tests.matrix import V1

FILL = """
INSERT INTO groups (name, colour) SELECT 'Group ' || n, '#1e90ff' FROM generate_series(1, {many}) AS n;
INSERT INTO users (email, role, first_name, last_name, nickname, group_id, points, patronymic, learning_class, about,
  tech_stack)
  SELECT n || '@many.example', CASE WHEN n <= 30 THEN 'teacher' ELSE 'student' END,
    CASE WHEN n % 10000 = 0 THEN 'Rare' ELSE 'Ada' END, 'Lovelace', 'ada' || n,
    CASE WHEN n % 4 = 0 THEN 1 + n % 10000 END, n / 3, '', CASE WHEN n <= 30 THEN '9A' ELSE '10B' END, '', '{{Python}}'
  FROM generate_series(1, {many}) AS n;
INSERT INTO clients (client_id, name, redirect_uris, owner_id)
  SELECT 'client' || n, 'Club', '{{https://club.example/}}', 1 + n / 20 FROM generate_series(1, {many}) AS n;
INSERT INTO audit_events (what, subject_id, address, agent, details)
  SELECT CASE WHEN n <= 30 THEN 'role changed' ELSE 'signed in' END, n / 20, '', '', '{{}}'
  FROM generate_series(1, {many}) AS n;
"""
REQUESTS = {
    "list_users": ("admin", f"{V1}/users/", "role=teacher", "group_id=9", "learning_class=9A", "cursor=100000"),
    "search_users": ("admin", f"{V1}/users/search/", "q=rare", "q=rare&cursor=100000"),
    "get_leaderboard": (
        "anonymous",
        f"{V1}/users/leaderboard/",
        "",
        "group_id=9",
        "cursor=33333.100001.100001.100001",
        "group_id=9&cursor=33333.100001.10.10",
    ),
    "list_groups": ("admin", f"{V1}/groups/", "", "cursor=100000"),
    "list_clients": ("admin", f"{V1}/clients/", "", "cursor=100"),
    "list_audit_events": ("admin", f"{V1}/audit/", "subject_id=7", "what=role%20changed", "cursor=100000"),
}
