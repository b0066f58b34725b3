"""Finds, names and, where that is safe, mends what goes wrong, in the local home and in AWS."""
