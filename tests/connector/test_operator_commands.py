"""`hub connector` and `hub token --runtime`, run as operators run them, against a running worker."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from hub.commands.operator import operator
from hub.settings import HubSettings

from .conftest import Edge, Make


async def hub(edge: Edge, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the command line on the test's event store."""
    settings: HubSettings = edge.process.settings
    assert settings.nats.url is not None
    environment = {
        **os.environ,
        "HUB_NATS__URL": settings.nats.url.get_secret_value(),
        "HUB_DATA_DIR": str(settings.data_dir),
    }
    command = [sys.executable, "-P", "-m", "hub", *arguments]
    return await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, check=False, cwd=settings.data_dir
    )


async def test_the_authority_is_shown_exchanged_and_ended(edge: Edge) -> None:
    """Text for people, JSON for programs; ending it too early is refused with status 1 and the way out."""
    shown = await hub(edge, "connector", "ca", "show")
    assert shown.stdout.startswith("issuing: CN=Integration Hub CA,O=Integration Hub (ecdsa-secp256r1)\n")
    rotated = json.loads((await hub(edge, "connector", "ca", "rotate", "-o", "json")).stdout)
    assert [row["state"] for row in rotated["authorities"]] == ["coming", "issuing"]
    refused = await hub(edge, "connector", "ca", "finish")
    assert (refused.returncode, "--force" in refused.stderr, refused.stderr.count("\n")) == (1, True, 1)
    ended = await hub(edge, "connector", "ca", "finish", "--force")
    assert (ended.returncode, ended.stdout.count("issuing:")) == (0, 1)
    assert "PRIVATE" not in shown.stdout + ended.stdout


async def test_a_certificate_is_revoked_by_its_file(edge: Edge, make_csr: Make) -> None:
    """Once it is revoked, the second time unchanged; a file that is none is refused."""
    certificate = await edge.certificate("shop", make_csr())
    first = await hub(edge, "connector", "revoke", "shop", "--certificate", str(certificate), "--reason", "lost")
    second = await hub(edge, "connector", "revoke", "shop", "--certificate", str(certificate), "-o", "json")
    assert first.stdout.strip().endswith(" revoked")
    assert json.loads(second.stdout)["outcome"] == "unchanged"
    wrong = await hub(edge, "connector", "revoke", "shop", "--certificate", str(Path(__file__)))
    neither = await hub(edge, "connector", "revoke", "shop")
    assert (wrong.returncode, neither.returncode) == (1, 2)


async def test_a_runtime_is_invited_by_tenant_and_group(edge: Edge) -> None:
    """Application or runtime, one of both; the URL leads to the runtimes' endpoints."""
    run = await hub(edge, "token", "--runtime", "--tenant", "acme", "--group", "web", "-o", "json")
    offered = json.loads(run.stdout)
    assert f"{edge.url}/v1/runtimes/signingRequests/info?token={offered['token']}" == offered["url"]
    assert (await hub(edge, "token", "shop", "--runtime")).returncode == 2
    assert (await hub(edge, "token", "--runtime", "--tenant", "acme")).returncode == 1


async def test_the_audit_shows_who_did_what(edge: Edge) -> None:
    """Commands sign with the operator's name; the newest record is last; one target can be picked."""
    await edge.register("other")
    for application in ("shop", "other"):
        assert (await hub(edge, "token", application)).returncode == 0
    everything = json.loads((await until_audited(edge, 2)).stdout)
    assert [record["target"] for record in everything] == ["applications/shop", "applications/other"]
    assert everything[0]["actor"] == f"operator:{operator()}" and everything[0]["action"] == "pairing.offer"
    (picked,) = (await hub(edge, "audit", "applications/other")).stdout.splitlines()
    assert picked.split()[2:5] == ["pairing.offer", "applications/other", "done"]
    assert json.loads((await hub(edge, "audit", "--last", "1", "-o", "json")).stdout) == everything[1:]


async def until_audited(edge: Edge, number: int) -> subprocess.CompletedProcess[str]:
    """Return the output of `hub audit` once so many records are kept."""
    async with asyncio.timeout(30):
        while True:
            shown = await hub(edge, "audit", "-o", "json")
            if len(json.loads(shown.stdout)) >= number:
                return shown
