"""The configuration of a NATS cluster for the hub, as text: the same files for each node, and no secret in them.

Who connects is known by a client certificate (`verify_and_map`): its e-mail address names the user, and the user's
permissions come from `permissions`. A node is told its own name by the environment (`NATS_NODE`).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hub.cluster.permissions import OPERATOR, SYSTEM, Permissions

ACCOUNT = "HUB"
SYSTEM_ACCOUNT = "SYS"
CLIENT_PORT = 4222
ROUTE_PORT = 6222
MONITOR_PORT = 8222
TLS_DIR = "/etc/nats/tls"
"""Where a node has its certificate, its key and the authority: `tls.crt`, `tls.key`, `ca.crt`."""
STORE_DIR = "/var/lib/nats"
SERVER_FILE = "nats-server.conf"
ACCOUNTS_FILE = "accounts.conf"
# No most: calls of a Function share a request, each is answered by itself, and what takes long gives signs of life.
_RESPONSE = "{ max: -1, expires: \"10m\" }"
_SERVER = """\
# {origin}
server_name: $NATS_NODE
listen: "0.0.0.0:{client_port}"
http: "{monitor}:{monitor_port}"
max_payload: 8MB
pid_file: {pid}
# Told to go (SIGUSR2), a node hands its clients to the others within this time.
lame_duck_duration: "30s"
lame_duck_grace_period: "5s"
tls {{
  cert_file: {certificate}
  key_file: {key}
  ca_file: {authority}
  verify_and_map: true
}}
jetstream {{
  store_dir: {store}
  sync_interval: {sync}
}}
cluster {{
  name: "hub"
  listen: "0.0.0.0:{route_port}"
  no_advertise: true
  tls {{
    cert_file: {certificate}
    key_file: {key}
    ca_file: {authority}
    verify: true
  }}
  routes: [
{routes}
  ]
}}
include "./{accounts}"
"""


@dataclass(frozen=True)
class Site:
    """Where and how the nodes of a cluster run; the same on each."""

    nodes: Sequence[str]
    """Names or addresses under which clients and the other nodes reach them."""
    sync: str = "2m"
    """When a node flushes to disk: `always`, or an interval."""
    monitor: str = "127.0.0.1"
    """Address on which a node shows its state without asking who looks."""


def user_of(process: str) -> str:
    """Return the e-mail address that the certificate of a process holds."""
    return f"{process}@hub"


def server_text(site: Site, origin: str) -> str:
    """Return the configuration of a node; `origin` says where it comes from."""
    return _SERVER.format(
        origin=origin,
        client_port=CLIENT_PORT,
        monitor=site.monitor,
        monitor_port=MONITOR_PORT,
        route_port=ROUTE_PORT,
        certificate=_quoted(f"{TLS_DIR}/tls.crt"),
        key=_quoted(f"{TLS_DIR}/tls.key"),
        authority=_quoted(f"{TLS_DIR}/ca.crt"),
        store=_quoted(STORE_DIR),
        pid=_quoted(f"{STORE_DIR}/nats.pid"),
        sync=_quoted(site.sync),
        routes="\n".join(f"    {_quoted(f'tls://{node}:{ROUTE_PORT}')}" for node in site.nodes),
        accounts=ACCOUNTS_FILE,
    )


def accounts_text(permissions: Mapping[str, Permissions], origin: str) -> str:
    """Return the accounts: the hub's own with a user for each kind of process, and the cluster's."""
    users = "\n".join(_user(process, granted) for process, granted in permissions.items())
    return (
        f"# {origin}\n"
        f"accounts {{\n  {ACCOUNT} {{\n    jetstream: enabled\n    users: [\n{users}\n"
        f"      {{ user: {_quoted(user_of(OPERATOR))} }}\n    ]\n  }}\n"
        f"  {SYSTEM_ACCOUNT} {{\n    users: [ {{ user: {_quoted(user_of(SYSTEM))} }} ]\n  }}\n}}\n"
        f"system_account: {SYSTEM_ACCOUNT}\n"
    )


def _user(process: str, granted: Permissions) -> str:
    responses = f"          allow_responses: {_RESPONSE}\n" if granted.responds else ""
    return (
        f"      {{\n        user: {_quoted(user_of(process))}\n        permissions {{\n"
        f"          publish: [\n{_list(granted.publish)}\n          ]\n"
        f"          subscribe: [\n{_list(granted.subscribe)}\n          ]\n{responses}        }}\n      }}"
    )


def _list(subjects: Iterable[str]) -> str:
    return "\n".join(f"            {_quoted(subject)}" for subject in subjects)


def _quoted(value: object) -> str:
    """Return a string as nats-server's configuration writes it: quotes and backslashes escaped, as in JSON."""
    return json.dumps(str(value), ensure_ascii=False)
