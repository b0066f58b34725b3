"""Whom members' wishes are told to: this machine, or an AWS environment."""

from collections.abc import Iterator
from contextlib import contextmanager

from pitboard.local.files import tighten
from pitboard.local.members import LocalMembers
from pitboard.ops.environment import AwsEnvironment
from pitboard.ops.members import LocalMembersAdmin, MembersAdmin
from pitboard.settings import Settings
from pitboard.stores.index_file import IndexFile
from pitboard.stores.sqlite import SqliteStore


@contextmanager
def members_admin(environment: str = "") -> Iterator[MembersAdmin]:
    """That of an AWS environment, or "": of this machine."""
    if environment:
        aws = AwsEnvironment(environment)  # first: it says in a sentence if AWS' library is missing
        from pitboard.ops.aws_members import AwsMembersAdmin

        yield AwsMembersAdmin(aws)
    else:
        settings = Settings.read()
        tighten(settings.db)
        store, index = SqliteStore(settings.db), IndexFile(settings.db)
        members = LocalMembers(settings, store, index)
        try:
            yield LocalMembersAdmin(settings, members)
        finally:
            members.close()
            index.close()
            store.close()
