"""Background work. PostgreSQL holds the truth (table `jobs`), the broker only publish_count a worker."""
