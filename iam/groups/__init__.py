"""Groups of users (`groups`), each with a name and a colour."""
