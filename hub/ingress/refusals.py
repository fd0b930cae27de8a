"""How each generation's surface says no.

Kyma's edge validator answers `{"code", "error"}`, its publisher plain text, its legacy endpoints an error document of
their own; what none of them knows is a problem document.
"""

import orjson
from starlette.responses import Response

from hub.ingress.dialects import kyma_v1
from hub.kernel import problem
from hub.kernel.errors import BrokerUnavailable, HubError, InvalidInput
from hub.kernel.http.app import problem_response

_VALIDATOR = {401, 403, 404}


def status_of(error: HubError) -> int:
    """Return the status of a refusal: a full store is 507, as upstream; everything else says its own."""
    return 507 if isinstance(error, BrokerUnavailable) and error.fields.get("full") else error.status


def render(error: HubError) -> Response:
    """Render a refusal as upstream's validator and publisher do, and as problem details where they have no form."""
    if error.status in _VALIDATOR:
        return _as_validator(error)
    if error.status == 400 and isinstance(error, InvalidInput):
        return Response(error.detail, status_code=400, media_type="text/plain")
    response = problem_response(error)
    response.status_code = status_of(error)
    response.headers.update(problem.headers_of(error))
    return response


def render_legacy(error: HubError) -> Response:
    """Render a refusal as upstream's legacy endpoints do."""
    if error.status in _VALIDATOR:
        return _as_validator(error)
    status = status_of(error)
    body = kyma_v1.render_refused(error, status)
    return Response(body, status_code=status, media_type="application/json", headers=problem.headers_of(error))


def _as_validator(error: HubError) -> Response:
    body = orjson.dumps({"code": error.status, "error": error.detail})
    return Response(body, status_code=error.status, media_type="application/json")
