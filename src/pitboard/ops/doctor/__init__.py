"""`pitboard doctor`: checks for problems in both homes, with remedies and, where that is safe, fixes."""
