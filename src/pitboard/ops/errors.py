"""The error of a change in AWS. Light to import: the command line catches it."""


class ChangeFailedError(Exception):
    """A change in AWS failed after it had begun. The message is one sentence; the command exits with 1."""
