"""CSRF tokens: the request that fetches one and what its answer gives the call. Pure.

Source: kyma-project/kyma:components/central-application-gateway/internal/csrf@2.20.0
"""

from hub.gateway.addressing import query_at_target
from hub.gateway.model import Pairs, Proof, Url
from hub.gateway.rewriting import Headers, head_of
from hub.kernel.errors import UpstreamRefused

HEADER = b"x-csrf-token"


def csrf_request(url: Url, proof: Proof) -> bytes:
    """Return the request for a CSRF token, authenticated like the call it is for."""
    headers: Headers = [(HEADER, b"fetch"), (b"accept", b"*/*"), (b"cache-control", b"no-cache"), *proof.headers]
    query = query_at_target(url.query, b"", proof.query)
    target = (url.path or b"/") + (b"?" + query if query else b"")
    return head_of(b"GET", target, url.place.authority, headers)


def csrf_of(status: int, headers: Headers) -> tuple[Pairs, Pairs]:
    """Return the headers and cookies that the call must carry; a missing token is an empty one, as upstream.

    Raises:
        UpstreamRefused: the answer is not 200.
    """
    if status != 200:
        raise UpstreamRefused(f"the CSRF token endpoint answered {status}")
    token = next((value for name, value in headers if name == HEADER), b"")
    cookies = (value.partition(b";")[0].partition(b"=") for name, value in headers if name == b"set-cookie")
    return ((HEADER, token),), tuple((name.strip(), value.strip()) for name, mark, value in cookies if mark)
