"""Whom members' wishes are told to: this machine, or an AWS environment."""

from collections.abc import Iterator
from contextlib import contextmanager

from pitboard.local.files import tighten
from pitboard.local.members import LocalMembers
from pitboard.ops.environment import AwsEnvironment
from pitboard.ops.members import Desk, LocalDesk
from pitboard.settings import Settings
from pitboard.stores.index_file import IndexFile
from pitboard.stores.sqlite import SqliteStore


@contextmanager
def desk(environment: str = "") -> Iterator[Desk]:
    """That of an AWS environment, or "": of this machine."""
    if environment:
        aws = AwsEnvironment(environment)  # first: it says in a sentence if AWS' library is missing
        from pitboard.ops.aws_members import AwsDesk

        yield AwsDesk(aws)
    else:
        settings = Settings.read()
        tighten(settings.db)
        store, index = SqliteStore(settings.db), IndexFile(settings.db)
        members = LocalMembers(settings, store, index)
        try:
            yield LocalDesk(settings, members)
        finally:
            members.close()
            index.close()
            store.close()
