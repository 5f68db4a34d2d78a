"""Signing in: `sessions`, their access and refresh tokens, and changing passwords."""
