"""One file for each check, with its `CHECK`. A new file is a new check: there is no other list."""
