"""The ground every resource stands on: settings, database, background work, files, HTTP. Imports no resource."""
