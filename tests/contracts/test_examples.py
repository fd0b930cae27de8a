"""Every example of every contract: the valid ones read and written, the invalid ones refused for the named reason."""

import json
from pathlib import Path

import jsonschema_rs
import pytest
from pydantic import ValidationError

from contracts import CONTRACTS, Contract, decode, encode, products

EXAMPLES = products.ROOT / "examples"
VALID = sorted(EXAMPLES.glob("*.json"))
INVALID = sorted((EXAMPLES / "invalid").glob("*.json"))


def contract_type(path: Path) -> str:
    return path.stem.rpartition(".")[0]


def name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", VALID, ids=name)
def test_a_valid_example_is_the_same_after_reading_and_writing(path: Path) -> None:
    """What one side writes the other reads without loss."""
    event = decode(contract_type(path), path.read_bytes())
    assert json.loads(path.read_text()) == json.loads(encode(event))


@pytest.mark.parametrize("path", VALID, ids=name)
def test_a_valid_example_fits_the_committed_schema(path: Path) -> None:
    """The committed schema says what the model says."""
    schema = json.loads((products.ROOT / "schemas" / f"{contract_type(path)}.json").read_text())
    jsonschema_rs.validator_for(schema).validate(json.loads(path.read_text()))


@pytest.mark.parametrize("path", INVALID, ids=name)
def test_an_invalid_example_fails_with_the_named_error(path: Path) -> None:
    """A publisher cannot send what the contract does not say, and learns which field is wrong."""
    case = json.loads(path.read_text())
    with pytest.raises(ValidationError) as caught:
        CONTRACTS[contract_type(path)].model_validate_json(json.dumps(case["data"]), strict=True)
    found = [{"type": e["type"], "field": ".".join(str(part) for part in e["loc"])} for e in caught.value.errors()]
    assert [case["error"]] == found


@pytest.mark.parametrize("folder", [VALID, INVALID], ids=["valid", "invalid"])
def test_every_contract_has_an_example(folder: list[Path]) -> None:
    """No contract goes without a valid and an invalid example."""
    assert set(CONTRACTS) == {contract_type(path) for path in folder}


@pytest.mark.parametrize("model", CONTRACTS.values(), ids=CONTRACTS)
def test_every_field_is_described(model: type[Contract]) -> None:
    """Whoever reads a contract learns what each field means."""
    undescribed = [field for field, details in model.model_json_schema()["properties"].items()
                   if not details.get("description")]
    assert undescribed == []


@pytest.mark.parametrize(("key", "model"), CONTRACTS.items(), ids=CONTRACTS)
def test_a_type_names_noun_version_and_participle(key: str, model: type[Contract]) -> None:
    """The type says in which module the contract is."""
    root, noun, version, participle = key.split(".")
    assert ("hub", f"contracts.{noun}.{version}") == (root, model.__module__)
    assert model.contract_version == int(version[1:])
    assert participle.isidentifier()
