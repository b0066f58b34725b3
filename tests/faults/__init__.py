"""How Pitboard fails: a matrix of faults, kills, load. Each has a command that prints its table."""
