"""One file a check, each with a `CHECK`. To add a check, add a file: the folder is the list."""
