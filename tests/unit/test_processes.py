"""Whether the holder of a lease still lives."""

import ctypes
import os
import subprocess
import sys

import pytest

from pitboard.stores import processes
from pitboard.stores.processes import is_dead, mark


def of(process: object, nonce: str = "0f0f", machine: str = "") -> str:
    """The mark of another process; of this machine, if no other is given."""
    return f"{machine or mark().rsplit('!', 2)[0]}!{process}!{nonce}"


@pytest.fixture(scope="module")
def ended() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_mark_names_machine_and_process_and_stays():
    assert mark() == mark()
    assert mark().split("!")[2] == str(os.getpid())
    assert len(mark().split("!")[3]) == 12
    assert "/" not in mark()


def test_a_forked_process_has_a_mark_of_its_own(monkeypatch):
    ours = mark()
    monkeypatch.setattr(os, "getpid", lambda: 4711)
    assert mark().split("!")[2] == "4711"
    assert mark().split("!")[3] != ours.split("!")[3]


def test_a_process_that_has_ended_is_dead(ended):
    assert is_dead(of(ended))
    assert is_dead(of(ended) + "/some/more")


def test_this_process_and_others_that_run_are_not_dead():
    assert not is_dead(mark())
    assert not is_dead(mark() + "/owner")
    assert not is_dead(of(os.getppid()))


def test_a_process_before_this_one_with_the_same_id_is_dead():
    """In a container it often is 1."""
    assert is_dead(of(os.getpid()))


def test_of_another_machine_or_container_nothing_can_be_known(ended):
    assert not is_dead(of(ended, machine="elsewhere!pid:[1]"))
    assert not is_dead(of(ended, machine=f"{mark().split('!')[0]}!pid:[1]"))


@pytest.mark.parametrize("owner", ["", "worker-1", "a!b!c", "a!b!c!d!e"])
def test_an_owner_without_a_mark_is_not_dead(owner):
    assert not is_dead(owner)


@pytest.mark.parametrize("process", ["", "x", "-1", "9" * 30])
def test_a_mark_with_no_process_id_is_not_dead(process):
    assert not is_dead(of(process))


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_a_process_of_another_user_is_not_dead(monkeypatch, ended):
    def refused(*_):
        raise PermissionError

    monkeypatch.setattr(os, "kill", refused)
    assert not is_dead(of(ended))


class Kernel:
    """What Windows says of a process: the handle that OpenProcess gives, the error, what a wait gives."""

    def __init__(self, handle: int, error: int = 0, state: int = 0) -> None:
        self.handle, self.error, self.state = handle, error, state
        self.closed: list[int] = []

    def OpenProcess(self, access, inherit, process):  # noqa: N802 - Windows'
        assert (access, inherit, process) == (0x00100000, False, 4711)
        return self.handle

    def WaitForSingleObject(self, handle, milliseconds):  # noqa: N802 - Windows'
        assert (handle, milliseconds) == (self.handle, 0)
        return self.state

    def CloseHandle(self, handle):  # noqa: N802 - Windows'
        self.closed.append(handle)


@pytest.mark.parametrize(
    ("kernel", "dead"),
    [
        (Kernel(0, error=87), True),
        (Kernel(0, error=5), False),
        (Kernel(12, state=0x102), False),
        (Kernel(12, state=0), True),
    ],
    ids=["no such process", "access denied", "it runs", "it has ended"],
)
def test_in_windows_the_kernel_is_asked_and_no_handle_is_left_open(monkeypatch, kernel, dead):
    owner = of(4711)
    machine = owner.rsplit("!", 2)[0]
    monkeypatch.setattr(processes, "_machine", lambda: machine)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "WinDLL", lambda name, use_last_error: kernel, raising=False)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: kernel.error, raising=False)
    assert is_dead(owner) is dead
    assert kernel.closed == ([kernel.handle] if kernel.handle else [])
