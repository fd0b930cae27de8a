"""Reads and judges the registration of a Service: bytes in, an immutable value or one refusal out.

The order of the checks and the texts are upstream's, because clients show and match them: types first, then every rule
of a single field at once, then what fits together.

Source: `kyma-project/kyma:components/application-registry/internal/externalapi/servicedetailsvalidation.go@1.24.0`.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import orjson

from hub.kernel.errors import InvalidField, InvalidInput
from hub.registry.model import (
    Api,
    Basic,
    CertificateGen,
    Credentials,
    Documentation,
    Events,
    Method,
    OAuth,
    RequestParameters,
    ServiceDetails,
)
from hub.registry.reading import Fields, read_object, type_name

REFUSED = "Failed to validate request body"
STRUCTURE = "Incorrect structure of service definition"
SCHEMES = ("ftp", "tcp", "udp", "ws", "wss", "http", "https")

_URL = re.compile(
    r"(?:(?P<scheme>[^\s:/?#@]+)://)?(?:[^\s/?#@]*@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\[\]]+)(?::\d{1,5})?(?P<path>[/?#]\S*)?"
)
_HOST = re.compile(r"[a-z0-9_\u00a1-\uffff][-.a-z0-9_\u00a1-\uffff]*", re.IGNORECASE)


@dataclass(slots=True)
class _Findings:
    """What is wrong with a registration: rules of single fields, and what does not fit together."""

    rules: list[str] = field(default_factory=list)
    structure: list[str] = field(default_factory=list)

    def need(self, value: str, message: str) -> str:
        """Return a value; note the message when it is empty."""
        if not value:
            self.rules.append(message)
        return value

    def need_url(self, value: str, *, name: str, message: str) -> str:
        """Return a value; note when it is empty or no URL."""
        if value and not is_url(value):
            self.rules.append(f"{name}: {value} does not validate as url")
        return self.need(value, message)


def is_url(text: str) -> bool:
    """Tell whether upstream takes a text for a URL; the scheme may be missing."""
    if not 3 < len(text) < 2083 or text.startswith("."):
        return False
    match = _URL.fullmatch(text)
    if match is None or match["scheme"] not in (None, *SCHEMES):
        return False
    if match["scheme"] is None and ":" not in text and "." not in re.split(r"[?#]", text)[0]:
        return False
    return match["host"].startswith("[") or _HOST.fullmatch(match["host"]) is not None


def parse(body: bytes) -> ServiceDetails:
    """Read the body of a registration.

    Raises:
        InvalidInput: not JSON, a wrong type, or a rule broken; the text is upstream's.
    """
    findings = _Findings()
    details = _details(read_object(body), findings)
    if findings.rules:
        raise InvalidInput(f"{REFUSED}, {STRUCTURE}, {';'.join(findings.rules)}")
    if details.api is None and details.events is None:
        raise InvalidInput(
            f"{REFUSED}, At least one of service definition attributes: 'api', 'events' have to be provided"
        )
    if findings.structure:
        raise InvalidField(f"{REFUSED}, {findings.structure[0]}")
    return details


def _details(fields: Fields, findings: _Findings) -> ServiceDetails:
    return ServiceDetails(
        provider=findings.need(fields.text("provider"), "Provider field cannot be empty."),
        name=findings.need(fields.text("name"), "Name field cannot be empty."),
        description=findings.need(fields.text("description"), "Description field cannot be empty."),
        short_description=fields.text("shortDescription"),
        identifier=fields.text("identifier"),
        labels=fields.text_map("labels"),
        api=_api(fields.object("api"), findings),
        events=_events(fields.object("events"), findings),
        documentation=_documentation(fields.object("documentation"), findings),
    )


def _api(fields: Fields | None, findings: _Findings) -> Api | None:
    if fields is None:
        return None
    return Api(
        target_url=findings.need_url(
            fields.text("targetUrl"), name="targetUrl", message="targetUrl field cannot be empty."
        ),
        spec=_document(fields.raw("spec"), "api.Spec", findings),
        credentials=_credentials(fields.object("credentials"), findings, generated=True),
        specification_url=fields.text("specificationUrl"),
        api_type=fields.text("apiType"),
        request_parameters=_call_parameters(fields),
        specification_credentials=_credentials(fields.object("specificationCredentials"), findings),
        specification_request_parameters=_parameters(fields.object("specificationRequestParameters")),
    )


def _events(fields: Fields | None, findings: _Findings) -> Events | None:
    if fields is None:
        return None
    if fields.raw("spec") is None:
        findings.rules.append("spec cannot be empty")
    return Events(_document(fields.raw("spec"), "events.Spec", findings))


def _document(value: Any, name: str, findings: _Findings) -> bytes | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        findings.structure.append(f"{name} is not a proper json object, it is of type {type_name(value)}")
        return None
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        findings.structure.append(f"{name} is nested too deeply; flatten it")
        return None


def _call_parameters(fields: Fields) -> RequestParameters | None:
    """Read headers and query parameters: of their own object, or of the API itself in the old form."""
    old_form = _parameters(fields)  # read in any case, so that a wrong type is refused
    own = fields.object("requestParameters")
    return old_form if own is None else _parameters(own)


def _parameters(fields: Fields | None) -> RequestParameters | None:
    if fields is None:
        return None
    headers, query = fields.text_lists("headers"), fields.text_lists("queryParameters")
    return None if headers is None and query is None else RequestParameters(headers, query)


def _credentials(fields: Fields | None, findings: _Findings, *, generated: bool = False) -> Credentials | None:
    if fields is None:
        return None
    read = {"oauth": _oauth, "basic": _basic} | ({"certificateGen": _certificate_gen} if generated else {})
    found = [(inner, method(inner, findings)) for name, method in read.items() if (inner := fields.object(name))]
    urls = [_csrf_url(inner.object("csrfInfo"), findings) if generated else None for inner, _ in found]
    if len(found) > 1:
        findings.structure.append("api.CredentialsWithCSRF is invalid: to many authentication methods provided")
    return Credentials(found[0][1], urls[0]) if found else None


def _oauth(fields: Fields, findings: _Findings) -> Method:
    return OAuth(
        url=findings.need_url(fields.text("url"), name="url", message="oauth url field cannot be empty"),
        client_id=findings.need(fields.text("clientId"), "oauth clientId field cannot be empty"),
        client_secret=findings.need(fields.text("clientSecret"), "oauth clientSecret cannot be empty"),
        request_parameters=_parameters(fields.object("requestParameters")),
    )


def _basic(fields: Fields, findings: _Findings) -> Method:
    return Basic(
        username=findings.need(fields.text("username"), "basic auth username field cannot be empty"),
        password=findings.need(fields.text("password"), "basic auth password field cannot be empty"),
    )


def _certificate_gen(fields: Fields, _findings: _Findings) -> Method:
    fields.text("certificate")  # only its type counts: the certificate is the hub's to make
    return CertificateGen(fields.text("commonName"))


def _csrf_url(fields: Fields | None, findings: _Findings) -> str | None:
    if fields is None:
        return None
    return findings.need_url(
        fields.text("tokenEndpointURL"),
        name="tokenEndpointURL",
        message="tokenEndpointURL field cannot be empty",
    )


def _documentation(fields: Fields | None, findings: _Findings) -> Documentation | None:
    if fields is None:
        return None
    return Documentation(
        display_name=findings.need(fields.text("displayName"), "displayName field cannot be empty in documentation"),
        description=findings.need(fields.text("description"), "description field cannot be empty in documentation"),
        type=findings.need(fields.text("type"), "type field cannot be empty in documentation"),
        tags=fields.texts("tags"),
        docs=tuple({key: doc.text(key) for key in ("title", "type", "source")} for doc in fields.objects("docs")),
    )
