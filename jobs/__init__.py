"""Background work as clients see it: watch, cancel, retry. The table is `conf._celery`'s."""
