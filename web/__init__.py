"""Pages for people: a plain player."""
