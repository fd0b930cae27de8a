"""Brings one Function from its resource to what a process is started from. Does I/O (files, child processes).

Each step either succeeds or raises with a `reason`, which becomes the reason of the status condition.
"""

import asyncio
import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol

import orjson

from hub.functions import checks, runtimes
from hub.functions.conversion import REPOSITORY_ANNOTATION, repository_is_known
from hub.functions.dependencies import Wanted, manifest_of, packages_of, requirements_of
from hub.functions.environment import (
    Values,
    base_environment,
    body_limit_of,
    concurrency_of,
    function_environment,
    redirected,
    sealed_names,
    timeout_of,
)
from hub.functions.model import Launch, Limits
from hub.functions.resources import allowance_of, scale_of
from hub.functions.runtime.install import Progress, Workshop, install
from hub.functions.runtime.interpreters import Node, find_node
from hub.functions.runtime.programs import FLOOR_BYTES, fenced
from hub.functions.runtime.repository import Tree, fetch
from hub.functions.runtime.sources import Files, inline_files, write_modules, write_mounts, write_source
from hub.functions.settings import FunctionsSettings
from hub.functions.store import Secret
from hub.kernel.errors import InvalidField, InvalidInput, MissingField
from hub.kernel.resource import Resource
from hub.kernel.workload import VARIABLE

REGISTRY_SECRET = "serverless-package-registry-config"  # noqa: S105 - the name of upstream's Secret, not its value


@dataclass(frozen=True)
class Site:
    """Where Functions live on this machine, and the addresses they are given."""

    data_dir: Path
    publisher_url: str
    gateway_url: str
    settings: FunctionsSettings
    token_for: Callable[[str, str], str] | None = None
    """Scope and name of a Function → the token by which the hub knows it; None without a hub."""
    key_of_tokens: Callable[[], str] = str
    """Returns what tells the key apart that tokens are sealed with: another one, and all are made anew."""
    redirections: Mapping[str, str] = field(default_factory=dict)
    """Address of the publisher or the gateway → where requests to it are recorded instead of made."""
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """Few repositories are asked at once."""

    @cached_property
    def workshop(self) -> Workshop:
        """Return where dependencies are installed."""
        root, settings = self.data_dir / "functions", self.settings
        return Workshop(
            root / "environments",
            root / "cache",
            settings.install_seconds,
            tuple(settings.readable),
            settings.confined,
        )

    def home(self, function: Resource) -> Path:
        """Return the directory of all revisions of a Function."""
        return self.home_of(function.scope, function.name)

    def home_of(self, scope: str, name: str) -> Path:
        """Return the directory of all revisions of a Function that may be gone already."""
        return self.data_dir / "functions" / f"{scope}.{name}"

    def source(self, function: Resource, commit: str = "") -> Path:
        """Return the directory of this revision; a Function made anew under the same name gets another."""
        parts = (str(function.generation), function.uid[:8], commit[:12], "shadow" if self.redirections else "")
        return self.home(function) / "-".join(filter(None, parts))

    def log(self, function: Resource) -> Path:
        """Return the log file of a Function."""
        return log_file(self.data_dir, function.scope, function.name)


class Shelf(Protocol):
    """Where the values of Secrets and ConfigMaps are found; `store.Shelf` in the hub."""

    def secrets(self, name: str) -> Secret | None:
        """Return an opened Secret, or None when it does not exist."""
        ...

    def look_up(self, kind: str, name: str) -> Values | None:
        """Return the values of a Secret or ConfigMap as text, or None when it does not exist."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """A Function with everything it refers to looked up."""

    function: Resource
    environment: dict[str, str]
    mounts: Mapping[str, Files]
    tree: Tree | None
    """Of a Git source: the commit and its files."""
    node: Node | None
    registry: Files = field(default_factory=dict)
    key_of_tokens: str = ""

    @property
    def note(self) -> str:
        """Return what the status has to say about the Function although it is in order."""
        running = runtimes.named("node", self.node.version) if self.node else runtimes.interpreter()
        return runtimes.explained(self.function.spec["runtime"], running)

    @property
    def mounted_texts(self) -> tuple[str, ...]:
        """Return the values of mounted Secrets, to be blotted out of texts."""
        return tuple(content.decode(errors="replace") for files in self.mounts.values() for content in files.values())

    @property
    def digest(self) -> str:
        """Return what a running revision is recognised by: the same digest needs no new process."""
        mounts = [(path, sorted(files)) for path, files in self.mounts.items()]
        contents = [content.hex() for files in self.mounts.values() for _, content in sorted(files.items())]
        commit, node = self.tree.commit if self.tree else "", self.node.path if self.node else ""
        function = self.function
        said = [
            function.uid, function.generation, sorted(self.environment.items()), mounts, contents, commit, node,
            self.key_of_tokens,
        ]  # fmt: skip
        return hashlib.sha256(orjson.dumps(said)).hexdigest()

    @property
    def repository(self) -> dict[str, str]:
        """Return what the status says about a Git source."""
        given = self.function.spec["source"].get("gitRepository")
        if self.tree is None or given is None:
            return {}
        return {name: given[name] for name in ("url", "baseDir", "reference")} | {"commit": self.tree.commit}


def label_of(function: Resource) -> str:
    """Return `<scope>.<name>`, as logs, metrics and files name a Function."""
    return f"{function.scope}.{function.name}"


def log_file(data_dir: Path, scope: str, name: str) -> Path:
    """Return where a Function's output is kept; its directory is its own, for the process turns the file over."""
    return data_dir / "log" / "functions" / f"{scope}.{name}" / "output.log"


def check(function: Resource) -> None:
    """Refuse what cannot be run at all.

    Raises:
        InvalidInput: with the condition's reason.
    """
    problems = checks.problems_of(function.spec)
    if problems:
        raise InvalidInput(". ".join(problems), reason="InvalidFunctionSpec")
    repository = function.spec["source"].get("gitRepository")
    if repository is not None and not repository_is_known(repository):
        name = function.annotations.get(REPOSITORY_ANNOTATION, "")
        raise InvalidField(
            f"GitRepository '{name}' does not exist here; give its address in spec.source.gitRepository.url"
            " (serverless.kyma-project.io/v1alpha2), or deploy a local folder with `hub function deploy DIRECTORY`.",
            reason="SourceUpdateFailed",
        )


async def plan(function: Resource, site: Site, shelf: Shelf) -> Plan:
    """Look up everything a Function refers to: values, Secrets, the interpreter, the commit of its repository.

    Raises:
        InvalidInput: it cannot be run on this machine, or its repository refuses.
        MissingField: a Secret or ConfigMap it refers to is not there.
        UpstreamUnavailable: its repository does not answer.
    """
    runtime, settings = function.spec["runtime"], site.settings
    tree, secrets = None, shelf.secrets
    environment = _environment(function, site, shelf)
    mounts = {mount["mountPath"]: _mounted(mount, shelf) for mount in function.spec.get("secretMounts") or []}
    node = None if runtimes.is_python(runtime) else await find_node(runtime, settings.node)
    repository = function.spec["source"].get("gitRepository")
    if repository is not None:
        known = site.data_dir / "functions" / "commits"
        async with site.turns:
            tree = await fetch(repository, secrets, known, settings.git_seconds)
    registry = shelf.secrets(REGISTRY_SECRET)
    key = site.key_of_tokens()
    return Plan(function, environment, mounts, tree, node, registry.values if registry else {}, key)


def _mounted(mount: Mapping[str, str], shelf: Shelf) -> Files:
    secret = shelf.secrets(mount["secretName"])
    if secret is None:
        raise MissingField(
            f"spec.secretMounts: Secret '{mount['secretName']}' does not exist in the Function's scope; create it.",
            field="spec.secretMounts",
            reason="EnvironmentIncomplete",
        )
    return secret.values


def _environment(function: Resource, site: Site, shelf: Shelf) -> dict[str, str]:
    home = str(site.source(function))
    base = base_environment(os.environ, home=home, publisher=site.publisher_url, gateway=site.gateway_url)
    runtime = function.spec["runtime"]
    own = {
        "FUNC_NAME": function.name,
        "FUNC_RUNTIME": runtime,
        "SERVICE_NAMESPACE": function.scope,
        "FUNC_TIMEOUT": f"{site.settings.timeout_seconds:g}",
    }
    own |= {"TRACE_COLLECTOR_ENDPOINT": url} if (url := site.settings.trace_collector_url) else {}
    own |= {} if runtimes.is_python(runtime) else {"HANDLER_PATH": "./function/handler.js"}
    return function_environment(base, own, function.spec.get("env") or [], shelf.look_up)


async def prepare(made: Plan, site: Site, progress: Progress) -> Launch:
    """Install the dependencies, write the source, and return what a process is started from.

    Raises:
        UpstreamRefused, UpstreamUnavailable: the dependencies cannot be installed.
    """
    function = made.function
    files = made.tree.files if made.tree is not None else _inline(function)
    wanted = _wanted(made, files)
    libraries = await install(wanted, site.workshop, made.node, progress) if wanted is not None else None
    directory = site.source(function, made.tree.commit if made.tree else "")
    await asyncio.to_thread(write_source, directory, files)
    if made.node is not None:
        modules = libraries / "node_modules" if libraries is not None else None
        newer = runtimes.style_of(function.spec["runtime"]) == "request"
        await asyncio.to_thread(partial(write_modules, directory, modules, sdk=newer))
    mounts = await asyncio.to_thread(write_mounts, directory, made.mounts)
    log = site.log(function)
    await asyncio.to_thread(log.parent.mkdir, parents=True, exist_ok=True, mode=0o700)
    return _launch(made, site, directory, libraries, mounts)


def _inline(function: Resource) -> Files:
    inline = function.spec["source"]["inline"]
    family = runtimes.family_of(function.spec["runtime"])
    return inline_files(family, inline["source"], inline.get("dependencies") or "")


def _wanted(made: Plan, files: Files) -> Wanted | None:
    if made.node is None:
        text = requirements_of(files.get("requirements.txt", b"").decode(errors="replace"))
        interpreter = runtimes.interpreter()
        return Wanted("python", text, interpreter, made.registry) if text else None
    manifest = manifest_of(files.get("package.json", b"").decode(errors="replace"))
    packages = packages_of(manifest)
    return Wanted("node", packages, made.node.version, made.registry) if packages else None


def _launch(made: Plan, site: Site, directory: Path, libraries: Path | None, mounts: Mapping[str, str]) -> Launch:
    function, settings, spec = made.function, site.settings, made.function.spec
    environment = made.environment | {"HOME": str(directory), "TMPDIR": str(directory / "tmp")}
    environment = redirected(environment, site.redirections)
    if site.token_for is not None:
        environment[VARIABLE] = site.token_for(function.scope, function.name)
    timeout_seconds = timeout_of(environment, settings.timeout_seconds)
    body_limit = body_limit_of(environment, spec["runtime"], settings.body_limit_bytes)
    scale = scale_of(spec)
    return Launch(
        label=label_of(function),
        source=str(directory),
        libraries=(str(libraries),) if libraries is not None else (),
        environment=environment,
        context=_context(function, timeout_seconds, body_limit),
        log=str(site.log(function)),
        timeout_seconds=timeout_seconds,
        concurrency=concurrency_of(environment, settings.concurrency),
        log_limit_bytes=settings.log_limit_bytes,
        body_limit_bytes=body_limit,
        node=made.node.path if made.node is not None else "",
        style=runtimes.style_of(spec["runtime"]),
        least=scale.least,
        most=scale.most,
        idle_seconds=settings.idle_seconds,
        limits=_limits(made, site, directory),
        mounts=mounts,
        sealed=(*sealed_names(spec.get("env") or []), VARIABLE),
        grouped=settings.control_groups,
    )


def _limits(made: Plan, site: Site, directory: Path) -> Limits:
    allowance, settings = allowance_of(made.function.spec), site.settings
    family = runtimes.family_of(made.function.spec["runtime"])
    memory = max(allowance.memory_bytes, FLOOR_BYTES[family])
    limits = Limits(memory, allowance.cpus, settings.processes_limit, settings.open_files_limit)
    if not settings.confined:
        return limits
    prefix = (made.node.prefix,) if made.node is not None else ()
    readable = (*prefix, str(site.workshop.root), *settings.readable)
    writable = (str(directory), str(site.log(made.function).parent), *settings.writable)
    shared = "/tmp"  # noqa: S108 - functions may write there, as upstream, unless the hub's own files are there
    if not site.data_dir.resolve().is_relative_to(shared):
        writable = (*writable, shared, "/dev/shm")  # noqa: S108 - the same
    return fenced(limits, readable=readable, writable=writable)


def _context(function: Resource, timeout_seconds: float, body_limit_bytes: int) -> dict[str, Any]:
    return {
        "function-name": function.name,
        "namespace": function.scope,
        "timeout": timeout_seconds,
        "runtime": function.spec["runtime"],
        "memory-limit": None,
        "body-size-limit": body_limit_bytes,
    }


def forget_others(site: Site, function: Resource, kept: frozenset[str]) -> None:
    """Remove the directories of revisions that no longer answer."""
    for directory in site.home(function).glob("*"):
        if str(directory) not in kept:
            shutil.rmtree(directory, ignore_errors=True)


def forget(site: Site, scope: str, name: str) -> None:
    """Remove everything of a Function but its log."""
    shutil.rmtree(site.home_of(scope, name), ignore_errors=True)
