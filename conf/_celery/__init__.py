"""Background jobs. The table `jobs` is the source of truth; messages of the broker only tell workers what is due."""
