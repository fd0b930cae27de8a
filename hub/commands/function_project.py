"""A Function as a folder on a developer's machine: handler, dependency file, manifest, events to try it with.

The folder is what `hub function new` writes, `run` runs and `deploy` sends. The manifest `function.yaml` is the
Function without its source; the source is the files beside it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hub.functions import runtimes
from hub.functions.dependencies import FILES
from hub.functions.kinds import API_VERSION, admit_function
from hub.functions.runtime.sources import HANDLERS
from hub.kernel.errors import AlreadyExists, InvalidField, InvalidInput, NotFound
from hub.kernel.resource import DEFAULT_SCOPE, Resource, need_map, need_name

MANIFEST = "function.yaml"
EVENTS = "events"
WORK = ".hub"
_SUFFIXES = {"python": ".py", "node": ".js"}
_RUNTIMES = {"python": "python312", "node": "nodejs22"}

_PYTHON = '''def main(event, context):
    """Called for each event; what it returns is the answer, what it raises is retried."""
    order = event["data"]
    print("order", order["id"])
    # event.emitCloudEvent("order.checked.v1", context["function-name"], order)
    return {"checked": order["id"]}
'''
_NODE = """module.exports = {
  // Called for each event; what it returns is the answer, what it throws is retried.
  main: async function (event, context) {
    const order = event.data;
    console.log('order', order.id);
    // await event.emitCloudEvent('order.checked.v1', context['function-name'], order);
    return { checked: order.id };
  },
};
"""
_EVENT = {
    "specversion": "1.0",
    "id": "example-1",
    "source": "shop",
    "type": "order.created.v1",
    "datacontenttype": "application/json",
    "data": {"id": 7},
}


@dataclass(frozen=True, slots=True)
class Project:
    """A folder that holds a Function."""

    directory: Path
    document: dict[str, Any]
    """The whole Function, source included."""
    left_out: tuple[str, ...]
    """Source files that are not part of an inline source."""

    @property
    def name(self) -> str:
        """Return the Function's name."""
        return str(self.document["metadata"]["name"])

    @property
    def family(self) -> runtimes.Family:
        """Return the language."""
        return runtimes.family_of(self.document["spec"]["runtime"])

    def resource(self, generation: int) -> Resource:
        """Return the Function as it would be stored.

        Raises:
            InvalidInput: with the path of the field.
        """
        read = Resource.from_document(self.document, default_scope=DEFAULT_SCOPE)
        admitted = admit_function(read, None)
        return Resource(
            API_VERSION, "Function", admitted.name, admitted.scope, admitted.spec, uid="local", generation=generation
        )

    def events(self) -> Iterator[Path]:
        """Return the events to try the Function with, in order of their names."""
        yield from sorted((self.directory / EVENTS).glob("*.json"))

    def watched(self) -> dict[str, float]:
        """Return when each file was last changed."""
        changed: dict[str, float] = {}
        for path in self.directory.rglob("*"):
            if WORK not in path.parts and path.is_file():
                changed[str(path)] = path.stat().st_mtime
        return changed


def create(directory: Path, name: str, runtime: str) -> list[Path]:
    """Write a new folder and return its files.

    Raises:
        AlreadyExists: there is something in it already.
        InvalidField: the name or the runtime is none.
    """
    need_name(name, "NAME")
    runtime = _RUNTIMES.get(runtime, runtime)
    if not runtimes.is_known(runtime):
        raise InvalidField(runtimes.refusal(runtime), field="runtime")
    if directory.exists() and any(directory.iterdir()):
        raise AlreadyExists(f"{directory} is not empty; choose another folder or name.")
    family = runtimes.family_of(runtime)
    manifest = {
        "apiVersion": API_VERSION,
        "kind": "Function",
        "metadata": {"name": name},
        "spec": {"runtime": runtime, "env": [{"name": "GREETING", "value": "hello"}]},
    }
    texts = {
        HANDLERS[family]: _NODE if family == "node" else _PYTHON,
        FILES[family]: json.dumps({"name": name, "version": "1.0.0", "dependencies": {}}, indent=2) + "\n"
        if family == "node"
        else "# One requirement a line, such as requests==2.32.3\n",
        MANIFEST: yaml.safe_dump(manifest, sort_keys=False),
        f"{EVENTS}/order.json": json.dumps(_EVENT, indent=2) + "\n",
        ".gitignore": f"{WORK}/\nnode_modules/\n__pycache__/\n",
    }
    for path, text in texts.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text)
    return [directory / path for path in texts]


def read(directory: Path) -> Project:
    """Read a folder.

    Raises:
        NotFound: the manifest or the handler is missing.
        InvalidInput: the manifest is no Function.
    """
    document = _manifest(directory / MANIFEST)
    spec = dict(need_map(document.get("spec"), "spec"))
    handler = _handler(directory)
    family = "node" if handler.suffix != ".py" else "python"
    spec.setdefault("runtime", _RUNTIMES[family])
    if runtimes.family_of(str(spec["runtime"])) != family:
        raise InvalidInput(f"{handler.name} is not what runtime {spec['runtime']} runs; correct spec.runtime.")
    inline = {"source": handler.read_text()}
    dependencies = directory / FILES[family]
    if dependencies.exists():
        inline["dependencies"] = dependencies.read_text()
    own = {handler.name}
    others = (path.name for path in directory.glob(f"*{_SUFFIXES[family]}"))
    left_out = tuple(sorted(name for name in others if name not in own))
    return Project(directory, document | {"spec": spec | {"source": {"inline": inline}}}, left_out)


def _manifest(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text())
    except FileNotFoundError as error:
        raise NotFound(f"There is no {path.name} in {path.parent}; `hub function new NAME` writes one.") from error
    except (OSError, yaml.YAMLError) as error:
        raise InvalidInput(f"{path} cannot be read: {' '.join(str(error).split())}.") from error
    return need_map(document, str(path.name))


def _handler(directory: Path) -> Path:
    for name in HANDLERS.values():
        if (directory / name).exists():
            return directory / name
    raise NotFound(f"There is neither {' nor '.join(HANDLERS.values())} in {directory}.")
