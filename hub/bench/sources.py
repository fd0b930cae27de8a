"""The handlers of the benchmark's Functions, in both languages. Pure."""

import orjson

from hub.bench.journal import RECORD, Journal
from hub.bench.requests import SENT

RUNTIMES = {"python": "python312", "node": "nodejs24"}
"""What a manifest names."""

_RECORDING_PYTHON = """import os
import struct
import time

records = os.open({records!r}, os.O_WRONLY | os.O_APPEND)
is_open = False


def main(event, context):
    global is_open
    while not is_open:
        is_open = os.path.exists({gate!r})
        time.sleep(0 if is_open else 0.005)
    started = time.monotonic_ns()
    number = int(event["ce-id"].rpartition("-")[2])
    os.write(records, struct.pack({record!r}, number, int(event["ce-{sent}"]), started))
"""
# The clock is the one that Python's `monotonic_ns` reads; the gate may hold nobody up but who waits at it.
_RECORDING_NODE = """const fs = require("fs");

const records = fs.openSync({records}, "a");
let isOpen = false;

function record(event) {{
  const written = Buffer.alloc(24);
  written.writeBigUInt64LE(process.hrtime.bigint(), 16);
  written.writeBigUInt64LE(BigInt(event["ce-id"].split("-").pop()), 0);
  written.writeBigUInt64LE(BigInt(event["ce-{sent}"]), 8);
  fs.writeSync(records, written);
}}

async function opened(event) {{
  while (!(isOpen = isOpen || fs.existsSync({gate}))) {{
    await new Promise((resolve) => setTimeout(resolve, 5));
  }}
  record(event);
}}

module.exports = {{ main: (event, context) => (isOpen ? record(event) : opened(event)) }};
"""
_ANSWERING = {
    "python": "def main(event, context):\n    return {answer}\n",
    "node": "module.exports = {{ main: (event, context) => {answer} }};\n",
}


def recording(runtime: str, journal: Journal) -> str:
    """Return a handler that writes down when it was started, and by which event; it waits for the gate."""
    records, gate = str(journal.records), str(journal.gate)
    if runtime == "python":
        return _RECORDING_PYTHON.format(records=records, gate=gate, record=RECORD, sent=SENT)
    quoted = {"records": orjson.dumps(records).decode(), "gate": orjson.dumps(gate).decode()}
    return _RECORDING_NODE.format(**quoted, sent=SENT)


def answering(runtime: str, answer: str) -> str:
    """Return a handler that does nothing but answer a text."""
    return _ANSWERING[runtime].format(answer=orjson.dumps(answer).decode())
