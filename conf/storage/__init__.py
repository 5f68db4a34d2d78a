"""Files: one Protocol, kept in S3 or on the local disk, handed out by signed links."""
