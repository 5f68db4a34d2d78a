"""File storage: a Protocol with two implementations, S3 and a local folder. Clients read files through signed links."""
