"""Accounts and access: users and groups, sessions and tokens, OAuth clients, the audit trail.

Other resources use it through `iam.dependencies`.
"""
