"""Many videos, of which few match each filter."""

from tests.cms.matrix import V2
from tests.matrix import V1

FILL = """
INSERT INTO videos (title, description, tags, is_active, status)
  SELECT 'Engine ' || n, '', ARRAY['common', CASE WHEN n <= 30 THEN 'rare' ELSE 'tag' || n % 5000 END], n % 10 > 0,
    'NOT_PROCESSED' FROM generate_series(1, {many}) AS n;
"""
REQUESTS = {
    "list_videos": ("anonymous", f"{V1}/videos/", "", "skip=100"),
    "v2.list_videos": ("anonymous", f"{V2}/videos/", "", "tag=rare", "tag=common", "cursor=100000"),
}
