"""A solution's whole life with a real hub, with nothing but openssl and curl on its side."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.house import LISTENERS
from hub.up.client import RunningHub, start_hub

MISSING = [tool for tool in ("openssl", "curl") if shutil.which(tool) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"{', '.join(MISSING)} not installed: the solution has no tools")

# Each step prints what the test looks at: a name, a colon and the value.
SCRIPT = r"""
set -eu
json() { "$PYTHON" -c "import json,sys; value = json.load(sys.stdin)
for name in sys.argv[1].split('.'): value = value[name]
print(value)" "$1"; }
say() { echo "$1:$2"; }
request() {  # a signing request for the subject in info.json, as older scripts make it
  subject="/$(json certificate.subject < info.json | tr , /)"
  openssl req -new -key shop.key -sha1 -out shop.csr -subj "$subject"
  printf '{"csr":"%s"}' "$(base64 shop.csr | tr -d '\n')" > request.json
}

# token -> info -> request -> certificate
curl -sSf --cacert "$CA" "$URL" > info.json
openssl genrsa -out shop.key 2048 2> /dev/null
request
curl -sSf --cacert "$CA" -d @request.json "$(json csrUrl < info.json)" > answer.json
json clientCrt < answer.json | base64 -d > first.crt
openssl verify -CAfile "$CA" first.crt > /dev/null
say again "$(curl -sS --cacert "$CA" -o /dev/null -w '%{http_code}' "$URL")"

# the addresses, by certificate
call() { crt=$1; shift; curl -sS --cacert "$CA" --cert "$crt" --key shop.key "$@"; }
call first.crt -f "$(json api.infoUrl < info.json)" > management.json
metadata=$(json urls.metadataUrl < management.json)
events=$(json urls.eventsUrl < management.json)

# register an API and an event catalog; read them back
cat > service.json <<'EOF'
{"provider": "Acme", "name": "Orders", "description": "Orders of the shop",
 "api": {"targetUrl": "http://shop.test/api",
  "spec": {"openapi": "3.0.0", "info": {"title": "o", "version": "1"}, "paths": {}}},
 "events": {"spec": {"asyncapi": "2.6.0", "info": {"title": "Orders", "version": "1"},
  "channels": {"order.created.v1": {"subscribe": {"message": {"payload": {"type": "object"}}}}}}}}
EOF
call first.crt -f -d @service.json "$metadata" > registered.json
id=$(json id < registered.json)
call first.crt -f "$metadata" > services.json
call first.crt -f "$metadata/$id" > service-read.json

# post an event in both forms
say legacy "$(call first.crt -o /dev/null -w '%{http_code}' -H 'Content-Type: application/json' "$events" \
  -d '{"event-type":"order.created","event-type-version":"v1","event-time":"2030-01-01T00:00:00Z","data":{"order":1}}')"
say cloud "$(call first.crt -o /dev/null -w '%{http_code}' -H 'Content-Type: application/cloudevents+json' \
  "${events%/v1/events}/events" \
  -d '{"specversion":"1.0","id":"1","source":"shop","type":"order.created.v1","data":{"order":2}}')"

# renew with the same key, then use the new certificate
request
call first.crt -f -d @request.json "$(json urls.renewCertUrl < management.json)" > renewed.json
json clientCrt < renewed.json | base64 -d > second.crt
say serials "$(openssl x509 -in first.crt -noout -serial) $(openssl x509 -in second.crt -noout -serial)"
say moved "$(call second.crt -o /dev/null -w '%{http_code}' "$metadata")"

# revoke, and ask again on the very same connection (num_connects 0: no new one was made)
revoke=$(json urls.revokeCertUrl < management.json)
tls="--cacert $CA --cert second.crt --key shop.key -o out.txt"
say revoked "$(curl -sS $tls -X POST "$revoke" -w '%{http_code} %{num_connects} ' --next \
  -sS $tls "$metadata" -w '%{http_code} %{num_connects} ' --next \
  -sS $tls -d '{}' "$events" -w '%{http_code} %{num_connects}')"
say refusal "$(cat out.txt)"
say anew "$(call second.crt -o /dev/null -w '%{http_code}' "$metadata")"
renew=$(json urls.renewCertUrl < management.json)
say renewal "$(call second.crt -o /dev/null -w '%{http_code}' -d @request.json "$renew")"
say first "$(call first.crt -o /dev/null -w '%{http_code}' "$metadata")"
"""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    """A whole hub on free ports of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ports = {f"HUB_{name.upper()}__PORT": "0" for name in LISTENERS} | {"HUB_EDGE__PORT": str(port)}
    hub = start_hub(tmp_path / "hub", ports)
    yield hub
    hub.stop()


def invite(hub: RunningHub) -> dict[str, str]:
    """Return a pairing URL as `hub token` gives it."""
    edge = hub.listeners["edge"].rpartition(":")[2]
    command = [sys.executable, "-P", "-m", "hub", "token", "shop", "--create", "-o", "json"]
    environment = {**os.environ, "HUB_DATA_DIR": str(hub.data_dir), "HUB_EDGE__PORT": edge}
    run = subprocess.run(command, env=environment, capture_output=True, check=True, cwd=hub.data_dir)
    offered: dict[str, str] = json.loads(run.stdout)
    return offered


def test_openssl_and_curl_are_enough_for_a_whole_life(hub: RunningHub, tmp_path: Path) -> None:
    """Token, info, request, certificate, registration, events, reading back, renewal, revocation, refusal."""
    solution, offered = tmp_path / "solution", invite(hub)
    solution.mkdir()
    environment = {"URL": offered["url"], "CA": offered["ca"], "PYTHON": sys.executable, "PATH": os.environ["PATH"]}
    run = subprocess.run(["/bin/sh", "-c", SCRIPT], cwd=solution, env=environment, capture_output=True, check=False)
    assert run.returncode == 0, run.stdout.decode() + run.stderr.decode()
    said = dict(line.split(":", 1) for line in run.stdout.decode().splitlines() if ":" in line)

    assert said["again"] == "403", "the first call has used the token up"
    management = json.loads((solution / "management.json").read_text())
    assert management["clientIdentity"] == {"application": "shop"}
    service = json.loads((solution / "service-read.json").read_text())
    assert (service["name"], service["api"]["targetUrl"]) == ("Orders", "http://shop.test/api")
    assert (service["api"]["spec"]["openapi"], service["events"]["spec"]["asyncapi"]) == ("3.0.0", "2.6.0")
    assert [found["name"] for found in json.loads((solution / "services.json").read_text())] == ["Orders"]
    assert (said["legacy"], said["cloud"]) == ("200", "204")
    first, second = said["serials"].split()
    assert first != second and said["moved"] == "200"
    assert said["revoked"] == "201 1 403 0 403 0", "refused on the connection that was open all the time"
    assert "Certificate has been revoked." in said["refusal"]
    assert (said["anew"], said["renewal"]) == ("403", "403")
    assert said["first"] == "200", "the certificate before was not the one revoked"
