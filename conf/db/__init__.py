"""PostgreSQL: the base of all tables, engines and sessions, and the session a function is given."""
