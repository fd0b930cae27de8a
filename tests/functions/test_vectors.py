"""Upstream's measured answers, as data: what a handler does, and what its caller gets."""

import json
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hub.functions.handlers import whole_of
from hub.functions.model import Answer, Invocation
from hub.functions.runtime.worker import Worker
from tests.functions.conftest import Bench, event_headers

VECTORS = Path(__file__).with_name("vectors")
Case = dict[str, Any]

def cases(file: str, part: str = "cases") -> list[Any]:
    """Return the cases of a file as parameters."""
    read = json.loads((VECTORS / file).read_text())[part]
    return [pytest.param(case, id=case["name"]) for case in read]

def node_source() -> str:
    """Return one handler that does what the case named by the path says."""
    made = [
        f"{json.dumps(case.values[0]['name'])}: function (event, context, callback) "
        f"{{ {case.values[0].get('does') or 'return ' + case.values[0]['returns'] + ';'} }}"
        for case in cases("node_answers.json")
    ]
    choose = "cases[event.extensions.request.path.slice(1)](event, context, ...rest)"
    main = f"(event, context, ...rest) => {choose}"
    return f"const cases = {{ {', '.join(made)} }};\nmodule.exports = {{ main: {main} }};"

def python_source(style: str) -> str:
    """Return one handler that does what the case named by the path says."""
    made = [
        f"def case_{case.values[0]['name']}():\n{textwrap.indent(case.values[0]['does'], '    ')}\n"
        for case in cases("python_answers.json", style)
    ]
    if style == "event":
        return "\n".join(made) + "\ndef main(event, context):\n    return globals()['case_' + event.req.path[1:]]()\n"
    choose = "globals()['case_' + request.path[1:]]()"
    return "\n".join(made) + f"\ndef main():\n    from flask import request\n    return {choose}\n"

async def answer_to(worker: Worker, case: Case) -> Answer:
    """Call the handler as the case says, and put the parts of its answer together."""
    headers = case.get("requestHeaders", event_headers())
    called = Invocation(headers, b'{"id": 7}', case.get("method", "POST"), "/" + case["name"])
    answer = await whole_of(await worker.invoke(called, 10), 1_000_000)
    assert isinstance(answer, Answer)
    return answer

def compare(case: Case, answer: Answer) -> None:
    """Compare status, body and the headers that the case names."""
    assert (case["status"], case["body"]) == (answer.status, answer.body.decode())
    assert case.get("headers", {}).items() <= answer.headers.items()
    if "contentType" in case:
        assert case["contentType"] == answer.headers.get("content-type")

@pytest.fixture
async def node_answers(bench: Bench, node: str) -> AsyncIterator[Worker]:
    """Return a Node Function that answers every case."""
    yield await bench.start(node_source(), node=node)

async def test_node_answers_are_upstreams(node_answers: Worker) -> None:
    """What a Node handler returns, throws or sends is the answer of the table."""
    for parameter in cases("node_answers.json"):
        case = parameter.values[0]
        answer = await answer_to(node_answers, case)
        try:
            compare(case, answer)
        except AssertionError as error:
            raise AssertionError(f"{case['name']}: {error}") from error

async def test_node_events_are_upstreams(bench: Bench, node: str) -> None:
    """Bodies and CloudEvents become the event of the table, or are answered 400 before the handler is called."""
    show = "const {extensions, ...shown} = event; return {shown, keys: Object.keys(event)}"
    worker = await bench.start(f"module.exports = {{ main: (event) => {{ {show} }} }}", node=node)
    for parameter in cases("node_bodies.json"):
        case = parameter.values[0]
        answer = await worker.invoke(Invocation(case["headers"], case["body"].encode()), 10)
        assert case.get("status", 200) == answer.status, case["name"]
        if answer.status == 200:
            said = json.loads(answer.body)
            assert case["shown"] == said["shown"], case["name"]
            assert case.get("keys", said["keys"]) == said["keys"], case["name"]

@pytest.mark.parametrize("style", ["event", "request"])
async def test_python_answers_are_upstreams(bench: Bench, style: str) -> None:
    """What a Python handler of either style returns or raises is the answer of the table."""
    worker = await bench.start(python_source(style), style=style)
    for parameter in cases("python_answers.json", style):
        case = parameter.values[0]
        answer = await answer_to(worker, case)
        try:
            compare(case, answer)
        except AssertionError as error:
            raise AssertionError(f"{case['name']}: {error}") from error
