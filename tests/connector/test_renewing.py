"""`hub connect --renew` and `--keep`: the next certificate in time, and nothing half written on the way."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import orjson
import pytest
from cryptography import x509
from typer.testing import CliRunner

from hub.cli import command_line
from hub.commands.connection.folder import FILES, merged
from hub.commands.connection.pairing import pair
from hub.commands.connection.renewing import due, life_of, pause_before, renew
from hub.connector.authority import create
from hub.kernel.errors import InvalidInput, NotFound, NotPermitted, UpstreamUnavailable

from .conftest import NOW, Edge, OpenEdge

DAY = timedelta(days=1)
Wait = Callable[[Callable[[], object]], None]


async def paired(edge: Edge, folder: Path) -> Path:
    """Pair this machine; returns the folder."""
    await asyncio.to_thread(pair, await edge.offer("shop"), folder, ca=edge.ca)
    return folder


def serial(folder: Path) -> int:
    """Return the serial number of the certificate in a folder."""
    return x509.load_pem_x509_certificate((folder / "certificate.pem").read_bytes()).serial_number


async def test_renewing_exchanges_the_certificate_and_keeps_the_key(edge: Edge, tmp_path: Path) -> None:
    """The same five files, the same key; curl goes on with the options it has."""
    folder = await paired(edge, tmp_path / "shop")
    key, before = (folder / "key.pem").read_bytes(), serial(folder)
    renewed = await asyncio.to_thread(renew, folder)
    assert (folder / "key.pem").read_bytes() == key and serial(folder) != before
    assert {path.name for path in folder.iterdir()} == set(FILES)
    curl = ["curl", "-sS", "-K", str(folder / "curl.conf"), renewed["infoUrl"]]
    answer = await asyncio.to_thread(subprocess.run, curl, capture_output=True, check=True)
    assert orjson.loads(answer.stdout)["clientIdentity"]["application"] == "shop"
    assert datetime.fromisoformat(renewed["notAfter"]) == life_of(folder)[1]


async def test_renewing_moves_this_machine_to_the_new_authority(edge: Edge, tmp_path: Path) -> None:
    """It trusts both during the overlap, connects after the old one has ended, and keeps no ended one."""
    folder = await paired(edge, tmp_path / "shop")
    await edge.ask("authorities", "rotate", {})
    async with asyncio.timeout(10):
        while (await edge.ask("authorities", "list", {}))[1]["authorities"][0]["state"] != "issuing":
            await asyncio.sleep(0.05)
    await asyncio.to_thread(renew, folder)
    assert (folder / "ca.pem").read_bytes().count(b"BEGIN CERTIFICATE") == 2
    assert (await edge.ask("authorities", "finish", {"force": True}))[0] == "200"
    await asyncio.to_thread(renew, folder)
    assert (folder / "ca.pem").read_bytes() == edge.ca.read_bytes()


async def test_a_revoked_certificate_is_not_renewed(edge: Edge, tmp_path: Path) -> None:
    """The refusal says so, and the files stay as they are."""
    folder = await paired(edge, tmp_path / "shop")
    certificate = x509.load_pem_x509_certificate((folder / "certificate.pem").read_bytes())
    from cryptography.hazmat.primitives.hashes import SHA256

    fingerprint = certificate.fingerprint(SHA256()).hex()
    await edge.ask("revocations", "create", {"application": "shop", "fingerprint": fingerprint})
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(NotPermitted, match="Certificate has been revoked"):
        await asyncio.to_thread(renew, folder)
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


async def test_a_hub_that_is_away_changes_nothing(edge: Edge, tmp_path: Path) -> None:
    """The old certificate stays; it may be good for weeks yet."""
    folder = await paired(edge, tmp_path / "shop")
    before = serial(folder)
    await edge.process.stop()
    with pytest.raises(UpstreamUnavailable, match="does not answer"):
        await asyncio.to_thread(renew, folder)
    assert serial(folder) == before


def test_where_nothing_is_paired_nothing_is_renewed(tmp_path: Path) -> None:
    """The text says how to pair; a file that is none of ours is refused by its name."""
    with pytest.raises(NotFound, match="hub connect URL"):
        renew(tmp_path)
    (tmp_path / "endpoints.json").write_bytes(b"[]")
    with pytest.raises(InvalidInput, match=r"endpoints\.json"):
        renew(tmp_path)


def test_a_third_of_its_life_before_the_end_a_certificate_is_due() -> None:
    """Ninety days: after sixty of them."""
    ends = NOW + 90 * DAY
    assert [due(NOW, ends, NOW + days * DAY) for days in (0, 59, 60, 91)] == [False, False, True, True]


def test_keeping_looks_at_the_clock_once_an_hour_at_least() -> None:
    """A machine that slept for a week does not sleep on."""
    ends = NOW + 90 * DAY
    assert pause_before(NOW, ends, NOW) == 3600
    assert pause_before(NOW, ends, NOW + 60 * DAY - timedelta(minutes=1)) == 60
    assert 0 < pause_before(NOW, ends, ends) < 1


def test_an_ended_authority_is_not_kept_and_one_of_somebody_else_is() -> None:
    """Of the hub's own name only what it sends counts; what vouches for a proxy in front of it stays."""
    old, new = [create("ecdsa-p256", now=NOW, days=1).certificate for _ in range(2)]
    proxy, _ = _named("Proxy CA")
    assert merged(new, old + proxy) == new + proxy
    assert merged(new + old, old) == new + old
    assert merged(new, b"") == new


def _named(name: str) -> tuple[bytes, object]:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    dated = builder.serial_number(1).not_valid_before(NOW).not_valid_after(NOW + DAY)
    return dated.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM), key


@pytest.mark.parametrize(
    "arguments", [[], ["https://h/?token=x", "--renew"]], ids=["nothing", "url-and-renew"]
)
def test_an_unclear_command_is_wrong_usage(arguments: list[str]) -> None:
    """Exit status 2, before anything is called or written."""
    assert CliRunner().invoke(command_line(), ["connect", *arguments]).exit_code == 2


async def test_keeping_renews_in_time_again_and_again(open_edge: OpenEdge, tmp_path: Path) -> None:
    """A certificate of nine seconds is renewed twice before it would have ended; an interrupt ends it with 130."""
    edge = await open_edge(connector={"certificate_days": 9 / 86400})
    folder = await paired(edge, tmp_path / "shop")
    seen = {serial(folder)}
    process = _keep(folder, tmp_path)
    try:
        async with asyncio.timeout(60):
            while len(seen) < 3:
                assert process.poll() is None, process.communicate()[0]
                seen.add(serial(folder))
                await asyncio.sleep(0.05)
    finally:
        process.send_signal(signal.SIGINT)
        output = (await asyncio.to_thread(process.communicate, timeout=20))[0]
    assert process.returncode == 130
    assert output.count("Renewed; good until ") >= 2


async def test_keeping_ends_when_the_certificate_is_revoked(open_edge: OpenEdge, tmp_path: Path) -> None:
    """Nothing that is repeated would help: exit status 1 and the reason."""
    edge = await open_edge(connector={"certificate_days": 15 / 86400})
    folder = await paired(edge, tmp_path / "shop")
    endpoints = orjson.loads((folder / "endpoints.json").read_bytes())
    async with edge.client(folder / "certificate.pem", folder / "key.pem") as client:
        answer: httpx.Response = await client.post(endpoints["revokeCertUrl"])
    assert answer.status_code == 201
    process = _keep(folder, tmp_path)
    output = (await asyncio.to_thread(process.communicate, timeout=60))[0]
    assert (process.returncode, "Certificate has been revoked" in output) == (1, True)
    assert "Not renewed yet" not in output, "it was not tried again"


def _keep(folder: Path, home: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-m", "hub", "connect", "--keep", "--dir", str(folder)]
    environment = {**os.environ, "HUB_DATA_DIR": str(home), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=home
    )


async def test_a_certificate_that_has_ended_is_not_kept(open_edge: OpenEdge, tmp_path: Path) -> None:
    """The handshake would be refused without a reason; here it is said."""
    edge = await open_edge(connector={"certificate_days": 3 / 86400})
    folder = await paired(edge, tmp_path / "shop")
    async with asyncio.timeout(20):
        while life_of(folder)[1] > datetime.now(UTC):
            await asyncio.sleep(0.05)
    process = _keep(folder, tmp_path)
    output = (await asyncio.to_thread(process.communicate, timeout=60))[0]
    assert (process.returncode, "pair again" in output) == (1, True)
