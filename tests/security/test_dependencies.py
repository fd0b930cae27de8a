"""What the hub stands on: bounded, licensed so that it binds nobody, and fetched from one place."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution, metadata
from pathlib import Path
from typing import Any

import pytest

PROJECT: dict[str, Any] = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
EXTRAS = [each for extra in PROJECT["optional-dependencies"].values() for each in extra]
NAME = re.compile(r"[A-Za-z0-9._-]+")
PERMISSIVE = re.compile(r"MIT|BSD|Apache|MPL|Mozilla|ISC|Python Software Foundation|PSF|Unlicense|HPND", re.IGNORECASE)
BINDING = re.compile(r"\bA?GPL|GNU (Affero )?General Public|SSPL|Business Source|Commons Clause|Elastic License")


@pytest.mark.parametrize("requirement", [*PROJECT["dependencies"], *EXTRAS])
def test_every_requirement_has_a_lower_bound_and_comes_from_the_index(requirement: str) -> None:
    """A version before the one it was tried with is not taken; no address, no branch."""
    assert ">=" in requirement and "@" not in requirement and "://" not in requirement


@pytest.mark.parametrize("name", [NAME.match(each).group() for each in PROJECT["dependencies"]])  # type: ignore[union-attr]  # each begins with a name
def test_every_dependency_may_be_used_by_anybody(name: str) -> None:
    """By its own word: a licence that asks for no more than its mention, or for changes of its own files."""
    try:
        known, files = metadata(name), distribution(name).files or []
    except PackageNotFoundError:
        pytest.skip("not installed on this system")
    classifiers = [each for each in known.get_all("Classifier") or [] if each.startswith("License")]
    said = " ".join([known.get("License-Expression") or "", (known.get("License") or "")[:200], *classifiers])
    if not said.strip():
        said = " ".join(each.read_text()[:400] for each in files if "licen" in each.name.lower())
    assert PERMISSIVE.search(said), f"{name}: {said}"
    assert not BINDING.search(said) or " OR " in said, f"{name}: {said}"
