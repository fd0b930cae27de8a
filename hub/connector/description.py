"""What the pairing endpoints take and answer, as values for the OpenAPI document of the edge."""

from contracts.surface import TEXT, Answer, Content, Description, Operation, reference

MEDIA_TYPE = "application/json;charset=UTF-8"
_CSR = {"application/json": reference("SigningRequest")}
_TOKEN = {"token": "The token: it can be used once, for a few minutes."}
_ROOTS = ("/v1/applications", "/v1/runtimes")


def _of(name: str) -> Content:
    return {MEDIA_TYPE: reference(name)}


def _refusals(*statuses: int) -> dict[int, Answer]:
    meanings = {
        400: "The signing request cannot be signed; the text says why.",
        401: "No client certificate was presented, or it has ended.",
        403: "The token or the certificate is not accepted.",
        404: "The Application is not registered any more.",
        413: "The body is larger than the limit.",
        500: "The hub failed; its log says why.",
        503: "The event store or the authority does not answer; try again.",
    }
    return {status: Answer(meanings[status], _of("PairingError")) for status in statuses}


def _endpoints(root: str) -> tuple[Operation, ...]:
    issued = {201: Answer("The new certificate.", _of("Certificates"))}
    return (
        Operation(
            "GET",
            f"{root}/signingRequests/info",
            "Exchange the token for a second one, and learn what to ask for",
            {200: Answer("What a signing request needs.", _of("SigningInformation"))} | _refusals(400, 403, 404, 503),
            query=_TOKEN,
            certificate=False,
        ),
        Operation(
            "POST",
            f"{root}/certificates",
            "Get the first certificate",
            issued | _refusals(400, 403, 404, 413, 503),
            body=_CSR,
            query=_TOKEN,
            certificate=False,
        ),
        Operation(
            "GET",
            f"{root}/management/info",
            "Learn who the caller is and where everything is",
            {200: Answer("The caller and its addresses.", _of("ManagementInformation"))} | _refusals(401, 403, 404),
        ),
        Operation(
            "POST",
            f"{root}/certificates/renewals",
            "Exchange the certificate of this connection for a new one",
            issued | _refusals(400, 401, 403, 404, 413, 503),
            body=_CSR,
        ),
        Operation(
            "POST",
            f"{root}/certificates/revocations",
            "Revoke the certificate of this connection",
            {201: Answer("It is refused from now on.")} | _refusals(401, 403, 503),
        ),
    )


def _object(required: tuple[str, ...], **properties: object) -> dict[str, object]:
    return {"type": "object", "required": list(required), "properties": properties}


_SUBJECT = _object(("subject", "key-algorithm"), **{"subject": TEXT, "extensions": TEXT, "key-algorithm": TEXT})
_ADDRESSES = {"type": "object", "additionalProperties": TEXT}

DESCRIPTION = Description(
    "Pairing",
    tuple(operation for root in _ROOTS for operation in _endpoints(root)),
    {
        "PairingError": _object(("code", "error"), code={"type": "integer"}, error=TEXT),
        "SigningRequest": _object(("csr",), csr={"type": "string", "description": "PKCS#10 as PEM, in base64."}),
        "SigningInformation": _object(
            ("csrUrl", "api", "certificate"), csrUrl=TEXT, api=_ADDRESSES, certificate=_SUBJECT
        ),
        "ManagementInformation": _object(
            ("clientIdentity", "urls", "certificate"),
            clientIdentity=_ADDRESSES, urls=_ADDRESSES, certificate=_SUBJECT,
        ),
        "Certificates": _object(("crt", "clientCrt", "caCrt"), crt=TEXT, clientCrt=TEXT, caCrt=TEXT),
    },
)  # fmt: skip
