"""Files and folders that only their owner may read."""

import os
import stat

import pytest

from pitboard.private import is_exposed, make_folder, tighten

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("umask")
def test_each_new_folder_on_the_way_is_private(tmp_path):
    make_folder(tmp_path / "a" / "b" / "c")
    assert [mode(path) for path in (tmp_path / "a", tmp_path / "a/b", tmp_path / "a/b/c")] == [0o700] * 3


def test_a_folder_that_is_there_stays_as_it_is(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a").chmod(0o755)
    make_folder(tmp_path / "a")
    make_folder(tmp_path / "a" / "b")
    assert mode(tmp_path / "a") == 0o755


@pytest.mark.parametrize("given", [0o644, 0o660, 0o606, 0o777, 0o604])
def test_other_users_rights_are_taken_away(tmp_path, given):
    file = tmp_path / "x"
    file.touch()
    file.chmod(given)
    assert is_exposed(file)
    assert tighten([file, tmp_path / "absent", tmp_path]) == ([file], [])
    assert mode(file) == given & 0o700
    assert tighten([file]) == ([], [])
