"""The base that all resources share: settings, database, background jobs, file storage, HTTP. Imports no resource."""
