"""The connector's documents, field for field as Kyma's connector service sends them."""

import base64
from typing import Any

from hub.connector.answers import certificates, management_information, pairing_url, signing_information
from hub.connector.model import RUNTIME, Authority, Client, Subject
from hub.connector.settings import SubjectSettings
from hub.connector.signing import sign
from hub.connector.subject import subject_of

from .conftest import NOW, Make

BASE = "https://hub.test:8443"
URLS = {
    "eventsInfoUrl": f"{BASE}/shop/v1/events/subscribed",
    "eventsUrl": f"{BASE}/shop/v1/events",
    "metadataUrl": f"{BASE}/shop/v1/metadata/services",
}
CERTIFICATE: dict[str, Any] = {
    "subject": "O=Organization,OU=OrgUnit,L=Waldorf,ST=Waldorf,C=DE,CN=shop",
    "extensions": "",
    "key-algorithm": "rsa2048",
}


def test_signing_information_names_everything_a_client_needs(shop: Subject) -> None:
    """The second token is inside csrUrl; the addresses are those of the Application."""
    assert {
        "csrUrl": f"{BASE}/v1/applications/certificates?token=newToken",
        "api": {
            **URLS,
            "infoUrl": f"{BASE}/v1/applications/management/info",
            "certificatesUrl": f"{BASE}/v1/applications/certificates",
        },
        "certificate": CERTIFICATE,
    } == signing_information(BASE, Client("shop"), shop, "newToken")


def test_management_information_writes_the_revocation_address_under_both_names(shop: Subject) -> None:
    """Upstream writes revokeCertUrl, a known client reads revocationCertUrl; group and tenant are left out if empty."""
    assert {
        "clientIdentity": {"application": "shop"},
        "urls": {
            **URLS,
            "renewCertUrl": f"{BASE}/v1/applications/certificates/renewals",
            "revokeCertUrl": f"{BASE}/v1/applications/certificates/revocations",
            "revocationCertUrl": f"{BASE}/v1/applications/certificates/revocations",
        },
        "certificate": CERTIFICATE,
    } == management_information(BASE, Client("shop"), shop)


def test_management_information_names_tenant_and_group(shop: Subject) -> None:
    """A solution of a tenant is told both."""
    answer = management_information(BASE, Client("shop", "tenant", "group"), shop)
    assert answer["clientIdentity"] == {"application": "shop", "group": "group", "tenant": "tenant"}


def test_the_bundle_begins_with_the_clients_own_certificate(
    make_csr: Make, authority: Authority, shop: Subject
) -> None:
    """Clients use the first certificate as theirs, and some cannot read an ECDSA authority's in its place."""
    issued = sign(authority, make_csr(), shop, now=NOW, days=3)
    sent = certificates(issued, issued.authority_certificate)
    answer = {name: base64.b64decode(value) for name, value in sent.items()}
    assert {"crt", "clientCrt", "caCrt"} == answer.keys()
    assert answer["clientCrt"] + answer["caCrt"] == answer["crt"]
    assert (issued.certificate, authority.certificate) == (answer["clientCrt"], answer["caCrt"])


def test_the_pairing_address_holds_the_token() -> None:
    """The whole address is what people call the token."""
    assert f"{BASE}/v1/applications/signingRequests/info?token=T" == pairing_url(BASE, Client("shop"), "T")
    runtime = Client(RUNTIME, "tenant", "group")
    assert f"{BASE}/v1/runtimes/signingRequests/info?token=T" == pairing_url(BASE, runtime, "T")


def test_a_runtime_is_told_its_own_addresses_and_none_of_applications() -> None:
    """The three addresses of an Application are absent, not empty; the identity is tenant and group only."""
    runtime = Client(RUNTIME, "tenant", "group")
    subject = subject_of(runtime, SubjectSettings())
    root = f"{BASE}/v1/runtimes"
    certificate = CERTIFICATE | {"subject": "O=tenant,OU=group,L=Waldorf,ST=Waldorf,C=DE,CN=*Runtime*"}
    assert {
        "csrUrl": f"{root}/certificates?token=T",
        "api": {"infoUrl": f"{root}/management/info", "certificatesUrl": f"{root}/certificates"},
        "certificate": certificate,
    } == signing_information(BASE, runtime, subject, "T")
    assert {
        "clientIdentity": {"tenant": "tenant", "group": "group"},
        "urls": {
            "renewCertUrl": f"{root}/certificates/renewals",
            "revokeCertUrl": f"{root}/certificates/revocations",
            "revocationCertUrl": f"{root}/certificates/revocations",
        },
        "certificate": certificate,
    } == management_information(BASE, runtime, subject)
