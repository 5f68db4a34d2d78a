"""People: `users`, their pictures, their import from files (`user_imports`)."""
