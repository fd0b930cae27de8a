"""Reads manifests: files, folders or standard input, several documents in each, YAML or JSON.

A document that cannot be read is one refused document, not the end of the command: real files mix kinds, hold
placeholders nobody filled in, and are applied as a whole.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import yaml

from hub.kernel.errors import HubError, InvalidField, InvalidInput

SUFFIXES = (".yaml", ".yml", ".json")
_DEPTH = 60
_NODES = 200_000
_TEXT = "tag:yaml.org,2002:str"
_DROPPED_TAGS = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")
_PLACEHOLDER = re.compile(r"<[\w .:/-]+>|\$?\{+[\w .:/-]+\}+")
# Below these, a text between angle brackets or braces may be meant.
_FREE_TEXT = {"data", "stringData", "binaryData", "source", "deps", "dependencies", "description", "longDescription"}


@dataclass(frozen=True, slots=True)
class Manifest:
    """One document of a file: what it holds, or why it cannot be read."""

    file: str
    number: int
    """Counted from 1 within the file."""
    document: Any = None
    problem: HubError | None = None

    @property
    def place(self) -> str:
        """Return where the document stands."""
        return f"{self.file}, document {self.number}"


def read_manifests(sources: Iterable[str]) -> list[Manifest]:
    """Read all documents of files, folders (not below them) and `-`.

    Raises:
        InvalidInput: a file or folder is not there, or holds nothing.
    """
    found = [manifest for source in sources for name, text in _texts(source) for manifest in read_text(name, text)]
    if not found:
        raise InvalidInput("There is no document to apply; name a file, a folder with YAML files, or '-'.")
    return found


def _texts(source: str) -> Iterator[tuple[str, str]]:
    if source == "-":
        yield "standard input", sys.stdin.read()
        return
    path = Path(source)
    files = sorted(each for each in path.iterdir() if each.suffix in SUFFIXES) if path.is_dir() else [path]
    for file in files:
        try:
            yield str(file), file.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise InvalidInput(f"{file} cannot be read: {reason}.") from error


def read_text(file: str, text: str) -> Iterator[Manifest]:
    """Read the documents of one text; empty ones are passed over, a `List` is its items."""
    for number, (node, problem) in enumerate(_nodes(text), start=1):
        manifest = Manifest(file, number, problem=problem)
        if node is not None:
            manifest = _constructed(manifest, node)
        if manifest.problem is not None or manifest.document is not None:
            yield from _items(manifest)


def _nodes(text: str) -> Iterator[tuple[yaml.Node | None, HubError | None]]:
    loader = _loader()(text)
    try:
        while loader.check_node():
            yield loader.get_node(), None
    except yaml.YAMLError as error:
        yield None, _unreadable(error)
    finally:
        loader.dispose()


def _constructed(manifest: Manifest, node: yaml.Node) -> Manifest:
    try:
        _Judge().judge(node, "", 0)
        document = _loader()("").construct_document(node)
        orjson.dumps(document)
    except HubError as error:
        return replace(manifest, problem=error)
    except orjson.JSONEncodeError as error:
        problem = InvalidInput(f"The document holds a value that JSON does not have: {error}.")
        return replace(manifest, problem=problem)
    except (yaml.YAMLError, ValueError) as error:
        return replace(manifest, problem=_unreadable(error))
    return replace(manifest, document=document)


def _items(manifest: Manifest) -> Iterator[Manifest]:
    document = manifest.document
    if not isinstance(document, dict) or document.get("kind") != "List" or not isinstance(document.get("items"), list):
        yield manifest
        return
    for item in document["items"]:
        yield replace(manifest, document=item)


def _unreadable(error: Exception) -> HubError:
    mark = getattr(error, "problem_mark", None)
    where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
    reason = getattr(error, "problem", None) or str(error).splitlines()[0]
    return InvalidInput(f"This is not YAML{where}: {reason}.")


class _Judge:
    """Refuses what YAML allows and no manifest means, with the path of the field."""

    def __init__(self) -> None:
        self._seen = 0

    def judge(self, node: yaml.Node, path: str, depth: int) -> None:
        """Judge a node and everything below it."""
        self._seen += 1
        if depth > _DEPTH or self._seen > _NODES:
            raise InvalidInput(f"{path[:200]} is nested too deeply, refers to itself or is too large.")
        if isinstance(node, yaml.MappingNode):
            self._judge_map(node, path, depth)
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self.judge(item, f"{path}[{index}]", depth + 1)
        elif isinstance(node, yaml.ScalarNode):
            _refuse_placeholder(node, path)

    def _judge_map(self, node: yaml.MappingNode, path: str, depth: int) -> None:
        names: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _placeholder(path)
            here = f"{path}.{key.value}" if path else str(key.value)
            if key.value in names and key.value != "<<":
                raise InvalidField(f"{here} stands there twice; keep one.", field=here)
            names.add(key.value)
            if key.value != "<<":
                key.tag = _TEXT  # `on` and `1` as keys are texts, as in JSON
            self.judge(value, here, depth + 1)


def _refuse_placeholder(node: yaml.ScalarNode, path: str) -> None:
    free = _FREE_TEXT.intersection(re.split(r"[.\[]", path))
    if not free and isinstance(node.value, str) and _PLACEHOLDER.fullmatch(node.value):
        raise _placeholder(path)


def _placeholder(path: str) -> HubError:
    field = path or "the document"
    return InvalidField(f"{field} holds a placeholder; put the value there.", field=field)


@cache
def _loader() -> Any:
    """Return a safe loader that leaves dates as texts, as Kubernetes does; the C one where there is one."""
    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    resolvers = {
        first: [(tag, pattern) for tag, pattern in entries if tag not in _DROPPED_TAGS]
        for first, entries in base.yaml_implicit_resolvers.items()
    }
    return type("ManifestLoader", (base,), {"yaml_implicit_resolvers": resolvers})
