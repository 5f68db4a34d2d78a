"""Campus against the limits of the machine and against the plain habits, each pair taken in one run, in turn."""
