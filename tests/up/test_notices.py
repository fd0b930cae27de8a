"""Readiness in systemd's words: what workers send and what the supervisor makes of it."""

import asyncio
import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.up.notify import notify, watch_parent
from hub.up.readiness import Notice, NotifySocket, parse


def test_a_worker_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readiness, status line and listeners arrive as they were sent."""
    door = NotifySocket(tmp_path)
    monkeypatch.setenv("NOTIFY_SOCKET", str(door.path))

    notify(ready=True, status="two\nlines", listeners={"edge": "https://localhost:8443"})
    notify(stopping=True)

    first, second = door.receive()
    assert Notice(os.getpid(), True, False, "two lines", {"edge": "https://localhost:8443"}) == first
    assert Notice(os.getpid(), stopping=True) == second
    assert door.receive() == []
    door.close()
    assert not door.path.exists()


def test_a_sender_that_does_not_name_itself_is_known_by_the_kernel(tmp_path: Path) -> None:
    """Other languages' sd_notify sends no MAINPID."""
    door = NotifySocket(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"READY=1", str(door.path))

    assert [Notice(os.getpid(), ready=True)] == door.receive()
    door.close()


def test_a_long_directory_gets_a_short_socket(tmp_path: Path) -> None:
    """A path beyond the kernel's limit is not an error; the temporary place is removed at the end."""
    directory = tmp_path / ("x" * 120)
    directory.mkdir()

    door = NotifySocket(directory)

    assert len(str(door.path)) < 100
    door.close()
    assert not door.path.parent.exists()


def test_without_a_supervisor_nothing_is_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By hand, or with a supervisor that is gone, a worker runs all the same."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify(ready=True)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notify(ready=True)


def test_the_abstract_namespace_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd may hand out an address that begins with @."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.bind(f"\0hub-test-{os.getpid()}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@hub-test-{os.getpid()}")

        notify(ready=True)

        assert f"MAINPID={os.getpid()}\nREADY=1".encode() == door.recv(1000)


@given(st.binary(max_size=300))
def test_any_datagram_is_understood_somehow(datagram: bytes) -> None:
    """Law: parsing never raises; whatever may write to the socket cannot stop the supervisor."""
    assert isinstance(parse(datagram, 7), Notice)


async def test_a_worker_notices_the_end_of_its_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pipe's other end is closed, by whatever death: the worker is called back, once."""
    reader, writer = os.pipe()
    monkeypatch.setenv("HUB_PARENT_PIPE", str(reader))
    gone = asyncio.Event()
    watch_parent(gone.set)

    os.close(writer)

    await asyncio.wait_for(gone.wait(), 5)
    os.close(reader)


async def test_without_a_pipe_nothing_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker started by hand lives on its own; a stale descriptor changes nothing."""
    monkeypatch.delenv("HUB_PARENT_PIPE", raising=False)
    watch_parent(asyncio.Event().set)
    monkeypatch.setenv("HUB_PARENT_PIPE", "9999")
    watch_parent(asyncio.Event().set)
