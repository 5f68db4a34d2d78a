"""Accounts (`users`), their profile pictures, and their import from CSV files (`user_imports`)."""
