"""`audit_events`: who signed in, who changed a role; kept for ever."""
