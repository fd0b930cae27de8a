"""The pairing as a person does it: a shell script with curl and openssl, and nothing of ours."""

import asyncio
import subprocess
from pathlib import Path

from .conftest import Edge

SCRIPT = r"""
set -eu
curl() { command curl --max-time 30 "$@"; }
json() { python3 -c "import json,sys; value = json.load(sys.stdin)
for name in sys.argv[1].split('.'): value = value[name]
print(value)" "$1"; }
curl -sSf --cacert "$CA" "$URL" > info.json
subject="/$(json certificate.subject < info.json | tr , /)"
openssl req -new -newkey rsa:2048 -nodes -sha1 -keyout shop.key -out shop.csr -subj "$subject" 2> /dev/null
printf '{"csr":"%s"}' "$(base64 shop.csr | tr -d '\n')" > request.json
curl -sSf --cacert "$CA" -d @request.json "$(json csrUrl < info.json)" > answer.json
json crt < answer.json | base64 -d > shop.crt
openssl verify -x509_strict -purpose sslclient -CAfile "$CA" shop.crt
openssl x509 -in shop.crt -noout -text | grep 'Signature Algorithm: .*SHA256' > /dev/null
curl -sSf --cacert "$CA" --cert shop.crt --key shop.key "$(json api.infoUrl < info.json)"
"""


async def test_curl_and_openssl_are_enough_to_pair(edge: Edge, tmp_path: Path) -> None:
    """Information, key and request (SHA-1, as older scripts make it), certificate, and a call with it."""
    environment = {"URL": await edge.offer("shop"), "CA": str(edge.ca), "PATH": "/usr/bin:/bin:/usr/local/bin"}
    run = await asyncio.to_thread(
        subprocess.run, ["/bin/sh", "-c", SCRIPT], cwd=edge.folder, env=environment, capture_output=True, check=False,
        stdin=subprocess.DEVNULL, timeout=120,
    )  # fmt: skip
    assert b"shop.crt: OK\n" in run.stdout, run.stderr.decode()
    assert b'"clientIdentity":{"application":"shop"}' in run.stdout
