"""`hub function`: what a person sees of Functions."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hub.commands.function import app, request_of
from hub.commands.function_text import shown
from hub.functions.runtime.deployment import log_file
from hub.kernel.errors import InvalidInput
from tests.functions.test_deployment import HELLO, Hub, hub

__all__ = ["hub"]  # the fixture

LINE = {"time": "2026-01-02T03:04:05.678+00:00", "stream": "stdout", "invocation": "9-1", "event": "e-1", "text": "hi"}


def run(*arguments: str, environment: dict[str, str]) -> Result:
    """Run a command as a person does."""
    return CliRunner(env=environment).invoke(app, list(arguments))


async def command(hub: Hub, *arguments: str) -> Result:
    """Run a command against a hub, off its event loop."""
    url = hub.settings.nats.url
    assert url is not None
    environment = {"HUB_DATA_DIR": str(hub.settings.data_dir), "HUB_NATS__URL": url.get_secret_value()}
    return await asyncio.to_thread(run, *arguments, environment=environment)


@pytest.mark.parametrize(
    ("line", "expected"),
    [(json.dumps(LINE), "03:04:05.678 out 9-1 e-1  hi"), ("Fatal Python error", "Fatal Python error"), ("[1]", "[1]")],
    ids=["line", "raw", "other_json"],
)
def test_a_line_of_the_log_is_shown_with_time_stream_and_event(line: str, expected: str) -> None:
    """What the process wrote past the log is shown as it is."""
    assert expected == shown(line)


def test_a_call_takes_json_or_an_event(tmp_path: Path) -> None:
    """`--data` is a JSON body, `--event` a structured CloudEvent; neither, both or no JSON is refused."""
    path = tmp_path / "event.json"
    path.write_text('{"id": "1"}')
    assert request_of("[1]", None) == ({"content-type": "application/json"}, b"[1]")
    assert request_of(None, path) == ({"content-type": "application/cloudevents+json"}, b'{"id": "1"}')
    for data, event in ((None, None), ("{}", path), ("{", None), (None, tmp_path / "none")):
        with pytest.raises(InvalidInput):
            request_of(data, event)


async def test_functions_are_listed_called_and_their_log_is_read(hub: Hub) -> None:
    """The three commands work together on a Function that runs."""
    await hub.apply(HELLO.replace("return", "print('seen', event['data']); return"))
    await hub.judged()
    listed = await command(hub, "list", "-o", "json")
    assert json.loads(listed.stdout)["items"][0]["metadata"]["name"] == "orders"
    called = await command(hub, "invoke", "orders", "--data", "7")
    assert (called.exit_code, called.stdout) == (0, "hello orders\n")
    logged = await command(hub, "logs", "orders")
    assert logged.stdout.endswith(" -  seen 7\n")
    call = logged.stdout.split()[2]
    only = [await command(hub, "logs", "orders", "--only", one) for one in (call, "other")]
    assert [len(one.stdout.splitlines()) for one in only] == [1, 0]


async def test_a_failed_call_is_one_line_and_exit_status_1(hub: Hub) -> None:
    """The error's type and line are told; there is no traceback of the hub's."""
    await hub.apply("def main(event, context):\n    return 1 / 0\n")
    await hub.judged()
    called = await command(hub, "invoke", "orders", "--data", "{}")
    assert called.exit_code == 1
    assert called.stderr == "hub: 500 ZeroDivisionError: division by zero (handler.py, line 2)\n"


async def test_an_unknown_function_is_refused(hub: Hub) -> None:
    """Both commands say so with exit status 1."""
    for arguments in (["logs", "nobody"], ["invoke", "nobody", "--data", "{}"]):
        assert (await command(hub, *arguments)).exit_code == 1


def test_a_log_is_followed_past_its_turning_over(tmp_path: Path) -> None:
    """`-f` shows new lines, also those of the file that takes the old one's place."""
    path = log_file(tmp_path, "default", "orders")
    path.parent.mkdir(parents=True)
    path.write_text("first\n")
    code = "from hub.commands.function import app; app(['logs', 'orders', '-f'])"
    environment = os.environ | {"HUB_DATA_DIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, text=True, env=environment
    ) as followed:
        assert followed.stdout is not None
        assert followed.stdout.readline() == "first\n"
        path.rename(path.with_name("old"))
        path.write_text("second\n")
        limit = time.monotonic() + 10
        assert followed.stdout.readline() == "second\n" and time.monotonic() < limit
        followed.kill()
