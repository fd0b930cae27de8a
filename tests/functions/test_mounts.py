"""Secrets as files, at the path the Function mounts them at."""

import pytest

from hub.functions.conditions import READY, condition_of
from hub.functions.runtime.mounts import place_of
from tests.functions.conftest import node_path
from tests.functions.test_deployment import Hub, hub, store_secret

__all__ = ["hub"]  # the fixture

READS = {
    "python312": """
import os, pathlib

def main(event, context):
    path = pathlib.Path("/etc/creds/db")
    names = sorted(os.listdir("/etc/creds/db"))
    return [names, (path / "password").read_text(), open("/etc/creds/db/user").read(), (path / "none").exists()]
""",
    "nodejs22": """
const fs = require('fs');
module.exports = { main: async () => [
  fs.readdirSync('/etc/creds/db').sort(),
  await fs.promises.readFile('/etc/creds/db/password', 'utf8'),
  fs.readFileSync('/etc/creds/db/user', 'utf8'),
  fs.existsSync('/etc/creds/db/none'),
] };
""",
}


@pytest.mark.parametrize("runtime", READS)
async def test_a_mounted_secret_is_read_as_files(hub: Hub, runtime: str) -> None:
    """Before the Secret exists the status names it; then its values are files, new ones after a change."""
    if runtime == "nodejs22":
        await node_path()
    mounts = [{"secretName": "db", "mountPath": "/etc/creds/db/"}]
    await hub.apply(READS[runtime], runtime=runtime, secretMounts=mounts)
    waiting = condition_of(await hub.judged(ready="False"), READY)
    assert waiting["reason"] == "EnvironmentIncomplete" and "Secret 'db' does not exist" in waiting["message"]
    await store_secret(hub, user="me", password="hunter2")
    await hub.judged()
    response = await hub.http("GET", "/functions/orders")
    assert response.json() == [["password", "user"], "hunter2", "me", False]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/etc/db", "/place"), ("/etc/db/a", "/place/a"), ("/etc/db/../db/a", "/place/a"), ("/etc/dbx", "/etc/dbx"),
        ("etc/db", "etc/db"), (7, 7), (b"/etc/db", b"/etc/db"), ("/etc/db/../../x", "/etc/db/../../x"),
    ],
)  # fmt: skip
def test_only_what_is_mounted_is_found_elsewhere(path: object, expected: object) -> None:
    """Every other path means what it says."""
    assert expected == place_of(path, {"/etc/db": "/place"})
