"""Many jobs, of which few match each filter."""

from tests.matrix import V1

FILL = """
INSERT INTO jobs (name, args, queue, status, attempt, max_attempts, run_after, publish_count, cancel_requested,
  progress, version, finished_at)
  SELECT CASE WHEN n <= 30 THEN 'rare' ELSE 'common' END, '{{}}', 'long',
    CASE WHEN n <= 30 THEN 'failed' ELSE 'succeeded' END, 1, 3, now(), 1, false, 100, 1, now()
  FROM generate_series(1, {many}) AS n;
"""
REQUESTS = {"list_jobs": ("admin", f"{V1}/jobs/", "", "status=failed", "name=rare", "cursor=100000")}
