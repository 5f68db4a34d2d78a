"""Background work. PostgreSQL holds the truth (table `jobs`), the broker only wakes a worker."""
