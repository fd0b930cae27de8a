"""The dialect sql: an expression of CloudEvents SQL, true without an error. Pure.

What can be told before the first event is refused with its place: text that cannot be read, functions that there are
not, results that are never true or false.
"""

from typing import Any

from hub.dispatch.filters import cesql
from hub.dispatch.filters.candidate import Candidate, Predicate
from hub.dispatch.filters.cesql.values import Failure
from hub.kernel.errors import InvalidField
from hub.kernel.resource import need_text


def compile_sql(body: Any, path: str, _compile: object) -> Predicate:
    """The expression is true, without an error."""
    expression = _compiled(need_text(body, path), path)
    evaluate = expression.evaluate

    def predicate(candidate: Candidate) -> bool:
        outcome = evaluate(candidate.attributes)
        if isinstance(outcome, Failure):
            candidate.errors.append(f"{outcome.kind}: {outcome.text}")
            return False
        return outcome is True

    return predicate


def _compiled(text: str, path: str) -> cesql.Expression:
    try:
        expression = cesql.compile_expression(text)
    except InvalidField as error:
        raise InvalidField(f"{path}: {error.detail}.", **error.fields | {"field": path}) from error
    for call in expression.unknown:
        raise InvalidField(
            f"{path}: there is no function {call.name} with {len(call.arguments)} arguments, at character"
            f" {call.position}.",
            field=path,
            position=call.position,
        )
    if expression.type != "boolean":
        raise InvalidField(
            f"{path} results in {_TYPES[expression.type]}, so it would never match; compare it, or cast it with BOOL.",
            field=path,
        )
    return expression


_TYPES = {"text": "a text", "integer": "an integer"}
