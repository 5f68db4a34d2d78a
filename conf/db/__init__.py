"""PostgreSQL: the base class of all tables, engines, sessions, and the dependency that provides a session."""
