"""Signing in: `sessions`, the tokens that speak for them, passwords."""
