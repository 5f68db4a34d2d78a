"""Who you are and what you may do: users and groups, sessions and tokens, clients that log in with Campus, the audit
trail. For every other resource, through `iam.dependencies`."""
