"""`groups` of users, with a name and a colour."""
