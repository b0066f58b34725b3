"""The local home: one process, one SQLite file, one port on this machine."""
