"""Every parser that reads what strangers send, as a function of bytes; all they may raise is a refusal."""

import base64
from collections.abc import Callable
from types import MappingProxyType

from hub.catalog import asyncapi
from hub.commands import manifests
from hub.connector import csr, subject
from hub.dispatch import sinking
from hub.dispatch.filters.cesql import compile_expression
from hub.functions.runtime import frames
from hub.gateway import addressing, rewriting
from hub.ingress.dialects import cloudevents, kyma_v1
from hub.kernel import forwarded, trace
from hub.kernel.errors import HubError
from hub.kernel.http import body, inflating
from hub.kernel.keys import Keys
from hub.kernel.workload import workload_of
from hub.registry import servicedetails

Parser = Callable[[bytes], object]
KEYS = Keys(bytes(32))
LIMIT = 65536


def _binary(raw: bytes) -> object:
    head, _, rest = raw.partition(b"\n\n")
    lines = (line.partition(":") for line in head.decode("latin-1").split("\n"))
    return cloudevents.parse_binary({name.lower(): value for name, _, value in lines}, rest)


def _path(raw: bytes) -> object:
    names, rest = addressing.split_path(raw, with_entry=False)
    return names, addressing.path_at_target(b"/api", rest, encode=True)


def _forwarded(raw: bytes) -> object:
    return forwarded.attributes(forwarded.read(raw.decode("latin-1")).subject)


def _pem(raw: bytes) -> object:
    inner = base64.b64encode(raw)
    pem = b"-----BEGIN CERTIFICATE REQUEST-----\n" + inner + b"\n-----END CERTIFICATE REQUEST-----"
    return csr.read(base64.b64encode(pem).decode())


def _sink(raw: bytes) -> object:
    text = raw.decode("utf-8", "replace")
    try:
        return sinking.host_of(text), sinking.find_subject_fault(text)
    except ValueError:  # how this decision says no
        return None


def _frames(raw: bytes) -> object:
    try:
        return list(frames.Decoder().feed(raw))
    except ValueError:  # the two ends no longer agree
        return None


PARSERS: MappingProxyType[str, Parser] = MappingProxyType(
    {
        "asyncapi": asyncapi.read,
        "binary event": _binary,
        "structured event": cloudevents.parse_structured,
        "batch": cloudevents.parse_batch,
        "legacy event": lambda raw: kyma_v1.parse(raw, "shop", "id"),
        "service": servicedetails.parse,
        "folded JSON": lambda raw: body.fold_keys(body.strict_json(raw)),
        "gzip": lambda raw: inflating.inflate(raw, "gzip", LIMIT),
        "zstd": lambda raw: inflating.inflate(raw, "zstd", LIMIT),
        "signing request": lambda raw: csr.read(raw.decode("latin-1")),
        "signing request in PEM": _pem,
        "subject": lambda raw: subject.parse(raw.decode("utf-8", "replace")),
        "forwarded certificate": _forwarded,
        "gateway path": _path,
        "address": lambda raw: addressing.parse_url(raw.decode("utf-8", "replace"), "target"),
        "connection header": lambda raw: rewriting.named_by_connection([(b"connection", raw)]),
        "sink": _sink,
        "CESQL": lambda raw: compile_expression(raw.decode("utf-8", "replace")),
        "trace": lambda raw: trace.traceparent_of({"traceparent": raw.decode("latin-1"), "b3": raw.decode("latin-1")}),
        "manifest": lambda raw: list(manifests.read_text("-", raw.decode("utf-8", "replace"))),
        "frames": _frames,
        "sealed value": lambda raw: workload_of(KEYS, raw),
    }
)

SEEDS = (
    b'{"asyncapi": "2.0.0", "info": {"title": "a"}, "channels": {"order.made.v1": {"subscribe": '
    b'{"message": {"payload": {"$ref": "#/components/schemas/a"}}}}},'
    b' "components": {"schemas": {"a": {"type": "object"}}}}',
    b'{"specversion": "1.0", "id": "1", "source": "s", "type": "a.b.v1", "data": {"a": [1, null]},'
    b' "data_base64": "AA=="}',
    b'[{"specversion": "1.0", "id": "1", "source": "s", "type": "a.b.v1"}]',
    b'{"event-type": "a.b", "event-type-version": "v1", "event-time": "2030-01-01T00:00:00Z", "data": {}}',
    b'{"provider": "p", "name": "n", "description": "d", "api": {"targetUrl": "http://x",'
    b' "credentials": {"basic": {"username": "u", "password": "w"}}}}',
    b"ce-specversion:1.0\nce-id:1\nce-source:s\nce-type:a.b\ncontent-type:application/json\n\n{}",
    b'Hash=00;Subject="CN=other,O=a";URI="",Hash=11;Subject="CN=shop"',
    b"/app/service/%2e%2e/a;b=c?d=e", b"http://user:word@[::1]:80/a?b#c", b"subject:a.b", b"http://x.y.svc.cluster.local",
    b"(EXISTS a AND b LIKE 'x%_') OR NOT c IN ('1', 2, TRUE) AND ABS(-1) + 2 * 3 / 0 % 4 >= LENGTH(d) XOR \"e\" = 'f'",
    b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", b"O=a,OU=b,L=c,ST=d,C=DE,CN=e",
    b"apiVersion: v1\nkind: Secret\nmetadata: &a {name: x}\nstringData: {<<: *a, on: yes}\n"
    b"---\n!!python/object:os.system {}",
    b"\x00\x00\x00\x0b\x01\x00\x00\x00\x01\x00\x00\x00\x02{}",
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x28\xb5\x2f\xfd\x20\x00\x01\x00\x00",
)  # fmt: skip
"""Something of every language; what is made up begins here."""


def holds(parser: Parser, raw: bytes) -> bool:
    """Give bytes to a parser; says whether it took them. Anything it raises but a refusal comes through."""
    try:
        parser(raw)
    except HubError as error:
        if error.status >= 500 and error.kind == "bug":
            raise
        return False
    return True
