"""The audit trail, `audit_events`: sign-ins, changes of roles and the like. Events are never deleted."""
