"""HTTP for both homes: one route table, one form of errors, one envelope of headers."""
