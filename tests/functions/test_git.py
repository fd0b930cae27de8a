"""Sources in Git repositories: the commit pinned, looked up again, nothing written outside."""

import asyncio
import base64
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dulwich.objects import Blob, Commit, Tree
from dulwich.repo import Repo
from dulwich.server import DictBackend, TCPGitServer

from hub.functions.conditions import CONFIGURED, READY, condition_of
from hub.functions.gitauth import credentials_of
from hub.functions.runtime.repository import fetch, shown
from hub.functions.store import Secret
from hub.kernel.errors import InvalidInput, UpstreamUnavailable
from tests.functions.test_deployment import Hub, hub

__all__ = ["hub"]  # the fixture

FILE, LINK, DIRECTORY = 0o100644, 0o120000, 0o040000
HANDLER = b"import texts\n\ndef main(event, context):\n    return texts.SAID\n"


class Origin:
    """A repository that is served on this machine."""

    def __init__(self, path: Path, port: int) -> None:
        """Open it."""
        self.repository = Repo(str(path))
        self.url = f"git://127.0.0.1:{port}/functions.git"

    def tree(self, files: dict[str, tuple[int, bytes]]) -> bytes:
        """Store files (by path) and return their tree."""
        tree, below = Tree(), {}
        for path, (mode, content) in files.items():
            name, _, rest = path.partition("/")
            if rest and mode != LINK:
                below.setdefault(name, {})[rest] = (mode, content)
            else:
                blob = Blob.from_string(content)
                self.repository.object_store.add_object(blob)
                tree.add(name.encode(), mode, blob.id)
        for name, inner in below.items():
            tree.add(name.encode(), DIRECTORY, self.tree(inner))
        self.repository.object_store.add_object(tree)
        return tree.id

    def commit(self, files: dict[str, tuple[int, bytes]], branch: str = "main") -> str:
        """Store a commit on a branch and return it."""
        return self.commit_tree(self.tree(files), branch)

    def commit_tree(self, tree: bytes, branch: str = "main") -> str:
        """Store a commit with a tree on a branch and return it."""
        made = Commit()
        made.tree = tree
        made.author = made.committer = b"A <a@b>"
        made.author_time = made.commit_time = 1_700_000_000
        made.author_timezone = made.commit_timezone = 0
        made.message = b"change"
        name = f"refs/heads/{branch}".encode()
        made.parents = [self.repository.refs[name]] if name in self.repository.refs else []
        self.repository.object_store.add_object(made)
        self.repository.refs[name] = made.id
        return str(made.id.decode())

    def say(self, text: str) -> str:
        """Commit a Function that answers with a text."""
        own = f"SAID = {text!r}\n".encode()
        return self.commit({"fn/handler.py": (FILE, HANDLER), "fn/texts.py": (FILE, own), "README": (FILE, b"")})


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[Origin]:
    """Return a repository behind a real Git server."""
    path = tmp_path / "origin"
    Repo.init_bare(str(path), mkdir=True)
    server = TCPGitServer(DictBackend({b"/functions.git": Repo(str(path))}), "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Origin(path, server.server_address[1])
    server.shutdown()
    server.server_close()


def source(origin: Origin, reference: str = "main", base: str = "/fn", **more: Any) -> dict[str, Any]:
    """Return a Git source."""
    return {"url": origin.url, "reference": reference, "baseDir": base} | more


def no_secrets(_name: str) -> Secret | None:
    """Find no Secret."""
    return None


async def apply(hub: Hub, repository: dict[str, Any], **spec: Any) -> None:
    """Apply a Function whose source is in a repository."""
    document = {
        "apiVersion": "serverless.kyma-project.io/v1alpha2",
        "kind": "Function",
        "metadata": {"name": "orders"},
        "spec": {"runtime": "python312", "source": {"gitRepository": repository}} | spec,
    }
    status, answer = await hub.ask("apply", {"document": document})
    assert status == "200", answer


async def test_a_function_runs_from_its_repository_and_follows_the_branch(hub: Hub, origin: Origin) -> None:
    """The directory's files are there, the status names the commit, and a new commit is deployed by itself."""
    first = origin.say("one")
    hub.process.settings.functions.git_poll_seconds = 0.1
    await apply(hub, source(origin))
    function = await hub.judged()
    assert function.status["gitRepository"] == source(origin) | {"commit": first}
    assert (await hub.call()).data == b"one"
    second = origin.say("two")
    async with asyncio.timeout(20):
        while (await hub.call()).data != b"two":
            await asyncio.sleep(0.05)
    entry = await hub.functions.need("default.orders")
    assert entry.value.status["commit"] == second
    configured = condition_of(entry.value, CONFIGURED)
    assert configured["reason"] == "SourceUpdated"
    assert configured["message"].startswith("Function source updated")


async def test_a_pinned_commit_stays_and_needs_no_network_again(tmp_path: Path, origin: Origin) -> None:
    """A commit is taken as it is; what has been fetched once is kept."""
    first = origin.say("one")
    origin.say("two")
    known = tmp_path / "known"
    tree = await fetch(source(origin, first), no_secrets, known, 20)
    assert (tree.commit, tree.files["texts.py"]) == (first, b"SAID = 'one'\n")
    away = source(origin, first) | {"reference": first.upper()}
    assert (await fetch(away, no_secrets, known, 0.000001)).commit == first


async def test_a_repository_that_does_not_answer_leaves_the_last_commit_running(
    tmp_path: Path, origin: Origin
) -> None:
    """Before anything was fetched it is an error that may pass; afterwards the last commit goes on, with the reason."""
    origin.say("one")
    known = tmp_path / "known"
    with pytest.raises(UpstreamUnavailable, match="no answer within"):
        await fetch(source(origin), no_secrets, known, 0.000001)
    fetched = await fetch(source(origin), no_secrets, known, 20)
    again = await fetch(source(origin), no_secrets, known, 0.000001)
    assert (again.commit, again.files) == (fetched.commit, fetched.files)
    assert "no answer within" in again.stale


async def test_tags_are_looked_up_like_branches(tmp_path: Path, origin: Origin) -> None:
    """Short names mean branches, then tags."""
    commit = origin.say("one")
    origin.repository.refs[b"refs/tags/v1"] = commit.encode()
    assert (await fetch(source(origin, "v1"), no_secrets, tmp_path / "known", 20)).commit == commit


REFUSED = {
    "no_reference": ({"reference": "nowhere"}, "source check failed: reference not found"),
    "no_directory": ({"baseDir": "/other"}, "there is no directory '/other'"),
    "a_file": ({"baseDir": "/README"}, "'/README' is no directory"),
    "outside": ({"baseDir": "../.."}, r"there is no directory '\.\./\.\.'"),
}


@pytest.mark.parametrize(("changes", "said"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_is_not_in_the_repository_is_said(
    tmp_path: Path, origin: Origin, changes: dict[str, str], said: str
) -> None:
    """The status gets the repository and the reason."""
    origin.say("one")
    with pytest.raises(InvalidInput, match=said) as refused:
        await fetch(source(origin) | changes, no_secrets, tmp_path / "known", 20)
    assert refused.value.fields["reason"] == "SourceUpdateFailed"
    assert f"Git repository: {origin.url}" in refused.value.detail


@pytest.mark.parametrize("name", ["../evil.py", "link"])
async def test_no_path_or_link_leads_out_of_the_directory(tmp_path: Path, origin: Origin, name: str) -> None:
    """Names that climb and links are refused; nothing is written."""
    blob = Blob.from_string(b"/etc/passwd")
    origin.repository.object_store.add_object(blob)
    tree = Tree()
    tree.add(name.encode(), LINK if name == "link" else FILE, blob.id)
    origin.repository.object_store.add_object(tree)
    origin.commit_tree(tree.id)
    with pytest.raises(InvalidInput, match=r"is no name of a file|is a link"):
        await fetch(source(origin, base="/"), no_secrets, tmp_path / "known", 20)
    assert not list(tmp_path.rglob("evil.py"))


async def test_an_unknown_secret_is_in_the_status(hub: Hub, origin: Origin) -> None:
    """Credentials that are not there are named; the Function is not run without them."""
    origin.say("one")
    await apply(hub, source(origin, auth={"type": "basic", "secretName": "away"}))
    configured = condition_of(await hub.judged(ready="False"), CONFIGURED)
    assert configured["reason"] == "SourceUpdateFailed"
    assert configured["message"].startswith("Getting git authorization data failed: Secret 'away' does not exist")


async def test_an_old_function_whose_repository_is_only_a_name_says_what_to_do(hub: Hub) -> None:
    """It is stored, not ready, names both ways out, and is not tried again."""
    document = {
        "apiVersion": "serverless.kyma-project.io/v1alpha1",
        "kind": "Function",
        "metadata": {"name": "orders"},
        "spec": {"type": "git", "source": "my-repo", "runtime": "nodejs14", "baseDir": "/", "reference": "main"},
    }
    assert (await hub.ask("apply", {"document": document}))[0] == "200"
    ready = condition_of(await hub.judged(ready="False"), READY)
    assert "GitRepository 'my-repo' does not exist here" in ready["message"]
    assert "hub function deploy" in ready["message"]


SECRETS: dict[str, tuple[str, str, dict[str, bytes], Any]] = {
    "basic": ("basic", "kubernetes.io/basic-auth", {"username": b"u", "password": b"p\n"},
              {"username": "u", "password": "p"}),
    "basic_untyped": ("basic", "", {"username": b"u", "password": b"p"}, {"username": "u", "password": "p"}),
    "key": ("key", "kubernetes.io/ssh-auth", {"ssh-privatekey": b"k"}, {"key": "k"}),
    "key_untyped": ("key", "Opaque", {"key": b"k", "password": b"p"}, {"key": "k", "passphrase": "p"}),
    "other_type": ("basic", "kubernetes.io/ssh-auth", {}, "inconsistent secret type: basic, kubernetes.io/ssh-auth"),
    "other_type_key": (
        "key", "kubernetes.io/basic-auth", {}, "inconsistent secret type: key, kubernetes.io/basic-auth",
    ),
    "no_password": ("basic", "", {"username": b"u"}, "missing 'username' or 'password'"),
    "no_key": ("key", "", {}, "missing 'key'"),
    "no_typed_key": ("key", "kubernetes.io/ssh-auth", {}, "missing 'ssh-privatekey'"),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "secret_type", "values", "expected"), SECRETS.values(), ids=SECRETS.keys())
def test_credentials_are_read_as_upstream_reads_them(
    kind: str, secret_type: str, values: dict[str, bytes], expected: Any
) -> None:
    """Both types of Secret, and what upstream says when they do not fit."""
    if isinstance(expected, dict):
        assert expected == credentials_of(kind, secret_type, values)
        return
    with pytest.raises(InvalidInput, match=expected):
        credentials_of(kind, secret_type, values)


def test_credentials_in_an_address_are_not_shown() -> None:
    """A token in a URL stays out of statuses and logs."""
    assert shown("https://me:token@host/a.git") == "https://host/a.git"


def test_a_secret_is_no_text_by_accident() -> None:
    """Values of Secrets may be any bytes; as text, what is none is replaced."""
    secret = Secret("", {"a": base64.b64decode("/w==")})
    assert (secret.values["a"], secret.texts["a"]) == (b"\xff", "\ufffd")
