"""The API for background jobs: watch, cancel and retry them. Their table is in `conf._celery`."""
