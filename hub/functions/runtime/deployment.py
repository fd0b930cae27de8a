"""Brings one Function from its resource to a running process. Does I/O (files, child processes).

Each step either succeeds or raises with a `reason`, which becomes the reason of the status condition.
"""

import asyncio
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import orjson

from hub.functions import checks, runtimes
from hub.functions.conversion import REPOSITORY_ANNOTATION, repository_is_known
from hub.functions.environment import Lookup, base_environment, function_environment, timeout_of
from hub.functions.model import Launch
from hub.functions.runtime.install import install, wanted
from hub.functions.settings import FunctionsSettings
from hub.kernel.errors import InvalidField, InvalidInput
from hub.kernel.resource import Resource


@dataclass(frozen=True, slots=True)
class Site:
    """Where Functions live on this machine, and the addresses they are given."""

    data_dir: Path
    publisher_url: str
    gateway_url: str
    settings: FunctionsSettings

    def home(self, function: Resource) -> Path:
        """Return the directory of all revisions of a Function."""
        return self.home_of(function.scope, function.name)

    def home_of(self, scope: str, name: str) -> Path:
        """Return the directory of all revisions of a Function that may be gone already."""
        return self.data_dir / "functions" / f"{scope}.{name}"

    def source(self, function: Resource) -> Path:
        """Return the directory of this revision; a Function made anew under the same name gets another."""
        return self.home(function) / f"{function.generation}-{function.uid[:8]}"

    def log(self, function: Resource) -> Path:
        """Return the log file of a Function."""
        return log_file(self.data_dir, function.scope, function.name)


def label_of(function: Resource) -> str:
    """Return `<scope>.<name>`, as logs, metrics and files name a Function."""
    return f"{function.scope}.{function.name}"


def log_file(data_dir: Path, scope: str, name: str) -> Path:
    """Return where a Function's output is kept."""
    return data_dir / "log" / "functions" / f"{scope}.{name}.log"


def note_of(function: Resource) -> str:
    """Return what the status has to say about a Function that is in order."""
    mounts = "secretMounts are not mounted" if function.spec.get("secretMounts") else ""
    return "; ".join(part for part in (runtimes.explained(function.spec["runtime"]), mounts) if part)


def check(function: Resource) -> None:
    """Refuse what cannot be run at all.

    Raises:
        InvalidInput: with the condition's reason.
    """
    problems = checks.problems_of(function.spec)
    if problems:
        raise InvalidInput(". ".join(problems), reason="InvalidFunctionSpec")
    repository = function.spec["source"].get("gitRepository")
    if repository is not None:
        raise InvalidField(_repository_refusal(function, repository), reason="SourceUpdateFailed")
    runtime = function.spec["runtime"]
    if not runtimes.is_python(runtime):
        raise InvalidInput(
            f"Runtime {runtime} is not offered yet; the hub runs Python Functions. The Function is kept as it is.",
            reason="RuntimeNotOffered",
        )


def _repository_refusal(function: Resource, repository: dict[str, str]) -> str:
    if repository_is_known(repository):
        return "Sources in Git repositories are not offered yet; give the source inline (spec.source.inline.source)."
    name = function.annotations.get(REPOSITORY_ANNOTATION, "")
    return f"GitRepository '{name}' does not exist; give the source inline (spec.source.inline.source)."


def environment_of(function: Resource, site: Site, look_up: Lookup) -> dict[str, str]:
    """Return the environment of a Function's process.

    Raises:
        MissingField: a Secret or ConfigMap it refers to is not there.
    """
    base = base_environment(
        os.environ, home=str(site.source(function)), publisher=site.publisher_url, gateway=site.gateway_url
    )
    own = {
        "FUNC_NAME": function.name,
        "FUNC_RUNTIME": function.spec["runtime"],
        "SERVICE_NAMESPACE": function.scope,
        "FUNC_TIMEOUT": f"{site.settings.timeout_seconds:g}",
    }
    return function_environment(base, own, function.spec.get("env") or [], look_up)


def digest_of(function: Resource, environment: dict[str, str]) -> str:
    """Return what a running revision is recognised by: the same digest needs no new process."""
    said = [function.uid, function.generation, sorted(environment.items())]
    return hashlib.sha256(orjson.dumps(said)).hexdigest()


async def prepare(function: Resource, site: Site, environment: dict[str, str]) -> Launch:
    """Install the dependencies, write the source, and return what a process is started from.

    Raises:
        UpstreamRefused, UpstreamUnavailable: the dependencies cannot be installed.
    """
    inline = function.spec["source"]["inline"]
    requirements = wanted(inline.get("dependencies") or "")
    libraries: tuple[str, ...] = ()
    if requirements:
        root = site.data_dir / "functions" / "environments"
        libraries = (str(await install(requirements, root, site.settings.install_seconds)),)
    await asyncio.to_thread(_write, site, function, inline["source"])
    settings = site.settings
    timeout_seconds = timeout_of(environment, settings.timeout_seconds)
    return Launch(
        label=label_of(function),
        source=str(site.source(function)),
        libraries=libraries,
        environment=environment,
        context=_context(function, timeout_seconds, settings.body_limit_bytes),
        log=str(site.log(function)),
        timeout_seconds=timeout_seconds,
        concurrency=settings.concurrency,
        log_limit_bytes=settings.log_limit_bytes,
    )


def _context(function: Resource, timeout_seconds: float, body_limit_bytes: int) -> dict[str, object]:
    return {
        "function-name": function.name,
        "namespace": function.scope,
        "timeout": timeout_seconds,
        "runtime": function.spec["runtime"],
        "memory-limit": None,
        "body-size-limit": body_limit_bytes,
    }


def _write(site: Site, function: Resource, source: str) -> None:
    directory = site.source(function)
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    site.log(function).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = directory / f".handler.{os.getpid()}"
    draft.write_text(source)
    draft.replace(directory / "handler.py")


def forget_others(site: Site, function: Resource) -> None:
    """Remove the directories of revisions that no longer answer."""
    kept = site.source(function)
    for directory in site.home(function).glob("*"):
        if directory != kept:
            shutil.rmtree(directory, ignore_errors=True)


def forget(site: Site, scope: str, name: str) -> None:
    """Remove everything of a Function but its log."""
    shutil.rmtree(site.home_of(scope, name), ignore_errors=True)
