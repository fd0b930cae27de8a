"""The edge behind a proxy that ends TLS: the header counts from its address only, and revocation all the same."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from hub.kernel import metrics

from .conftest import Edge, Make, OpenEdge

INFO = "/v1/applications/management/info"
RENEWALS = "/v1/applications/certificates/renewals"
REVOCATIONS = "/v1/applications/certificates/revocations"
Keys = Callable[[str], Path]
TRUSTING = {"trusted_proxies": ["127.0.0.0/8", "::1"]}


def described(path: Path) -> dict[str, str]:
    """Return the header that Envoy sends for a certificate."""
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    fingerprint = certificate.fingerprint(SHA256()).hex()
    return named(certificate.subject.rfc4514_string(), fingerprint)


def named(subject: str, fingerprint: str = "ab" * 32) -> dict[str, str]:
    """Return the header for a subject."""
    value = f'By=spiffe://hub;Hash={fingerprint};Subject="{subject}";URI=,By=x;Hash={"0" * 64};Subject="";URI=y'
    return {"x-forwarded-client-cert": value}


@pytest.fixture
async def behind(open_edge: OpenEdge) -> Edge:
    """An edge that trusts proxies on this machine."""
    return await open_edge(edge=TRUSTING)


async def test_a_trusted_proxy_brings_its_callers(behind: Edge, make_csr: Make) -> None:
    """Who am I and renewal work by the header; the proxy itself shows no certificate."""
    header = described(await behind.certificate("shop", make_csr()))
    async with behind.client() as proxy:
        info = await proxy.get(behind.url + INFO, headers=header)
        renewed = await proxy.post(behind.url + RENEWALS, json={"csr": make_csr()}, headers=header)
    assert (info.status_code, info.json()["clientIdentity"]) == (200, {"application": "shop"})
    assert renewed.status_code == 201


async def test_a_revoked_certificate_is_refused_behind_a_proxy_too(behind: Edge, make_csr: Make) -> None:
    """Revoked through the proxy, refused through it on the same connection; other callers go on."""
    first, second = [described(await behind.certificate("shop", make_csr())) for _ in range(2)]
    async with behind.client() as proxy:
        assert (await proxy.post(behind.url + REVOCATIONS, headers=first)).status_code == 201
        refused, fine = [await proxy.get(behind.url + INFO, headers=header) for header in (first, second)]
    assert (refused.status_code, refused.json()["error"]) == (403, "Certificate has been revoked.")
    assert fine.status_code == 200


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ({}, 401),
        ({"x-forwarded-client-cert": ""}, 403),
        ({"x-forwarded-client-cert": f'Hash={"ab" * 32};Cert="cert"'}, 403),
        ({"x-forwarded-client-cert": 'Subject="CN=shop"'}, 403),
        ({"x-forwarded-client-cert": f'Hash={"ab" * 32};Subject="CN=shop'}, 403),
        (named("CN=nobody"), 404),
    ],
    ids=["none", "empty", "no-subject", "no-hash", "open-quote", "unknown"],
)
async def test_a_header_that_names_nobody_opens_nothing(header: dict[str, str], status: int, behind: Edge) -> None:
    """Each answer has the shape of the dialect."""
    async with behind.client() as proxy:
        answer = await proxy.get(behind.url + INFO, headers=header)
    assert (answer.status_code, answer.json()["code"]) == (status, status)


async def test_the_header_of_anybody_else_is_passed_over_and_counted(
    edge: Edge, make_csr: Make, key_file: Keys
) -> None:
    """Neither without a certificate nor with one of its own can a caller take another name."""
    await edge.register("victim")
    before = metrics.FORWARDED_IGNORED._value.get()
    async with edge.client() as stranger:
        unknown = await stranger.get(edge.url + INFO, headers=named("CN=victim"))
    async with await edge.pair("shop", make_csr(), key_file("rsa:2048")) as solution:
        known = await solution.get(edge.url + INFO, headers=named("CN=victim"))
    assert unknown.status_code == 401
    assert known.json()["clientIdentity"] == {"application": "shop"}
    assert metrics.FORWARDED_IGNORED._value.get() - before == 2


async def test_revoking_by_a_header_without_a_real_fingerprint_is_refused(behind: Edge) -> None:
    """Nothing is written under a name that a proxy made up."""
    async with behind.client() as proxy:
        answer = await proxy.post(behind.url + REVOCATIONS, headers=named("CN=shop", "made.up"))
    assert answer.status_code == 401


async def test_one_proxy_connection_carries_many_callers(behind: Edge, make_csr: Make) -> None:
    """Each request is judged by its own header, not by the first one of the connection."""
    await behind.register("other")
    callers = ["shop", "other", "shop", "other"]
    async with behind.client() as proxy:
        answers: list[httpx.Response] = [
            await proxy.get(behind.url + INFO, headers=named(f"CN={who},O=x")) for who in callers
        ]
    assert [answer.json()["clientIdentity"]["application"] for answer in answers] == callers


async def test_an_event_on_the_short_way_is_the_callers_and_not_the_proxys(
    open_edge: OpenEdge, make_csr: Make, key_file: Keys
) -> None:
    """A proxy that is itself paired posts as whom it names: its own certificate opens nothing for its callers."""
    edge = await open_edge(("connector", "ingress"), edge=TRUSTING)
    await edge.register("other")
    event = {"ce-specversion": "1.0", "ce-type": "order.created.v1", "ce-source": "x", "content-type": "text/plain"}
    statuses = {}
    async with await edge.pair("shop", make_csr(), key_file("rsa:2048")) as proxy:
        for application, named_as in (("shop", "other"), ("other", "other"), ("shop", None), ("other", None)):
            headers = event | {"ce-id": f"{application}-{named_as}"} | (named(f"CN={named_as}") if named_as else {})
            answer = await proxy.post(f"{edge.url}/{application}/events", headers=headers, content=b"x")
            statuses[application, named_as] = answer.status_code
    assert statuses == {("shop", "other"): 403, ("other", "other"): 204, ("shop", None): 204, ("other", None): 403}


async def test_the_short_way_refuses_what_a_proxy_says_of_revoked_and_unnamed_callers(
    open_edge: OpenEdge, make_csr: Make, key_file: Keys
) -> None:
    """A certificate of the proxy's own is no way around a revocation, or around a header that names nobody."""
    edge = await open_edge(("connector", "ingress"), edge=TRUSTING)
    header = described(await edge.certificate("shop", make_csr()))
    event = {"ce-specversion": "1.0", "ce-type": "order.created.v1", "ce-source": "x", "content-type": "text/plain"}
    sent = {"good": header, "revoked": header, "empty": {"x-forwarded-client-cert": ""}}
    statuses = {}
    async with await edge.pair("shop", make_csr(), key_file("rsa:2048")) as proxy:
        for name, said in sent.items():
            if name == "revoked":
                assert (await proxy.post(edge.url + REVOCATIONS, headers=header)).status_code == 201
            answer = await proxy.post(f"{edge.url}/shop/events", headers=event | {"ce-id": name} | said, content=b"x")
            statuses[name] = answer.status_code
    assert statuses == {"good": 204, "revoked": 403, "empty": 403}
