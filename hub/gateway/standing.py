"""The proof that needs no fetching: it stands as long as the registration does, so it is made with that. Pure."""

from hub.gateway.model import ApiKey, Basic, Credentials, KeyPair, Proof
from hub.gateway.tokens import basic

AUTHORIZATION = b"authorization"


def standing_proof(credentials: Credentials | None) -> Proof:
    """Return what every call carries; nothing where a token must be fetched, or nothing is registered."""
    match credentials:
        case Basic(user, password):
            return Proof(((AUTHORIZATION, basic(user, password)),))
        case KeyPair() as pair:
            return Proof(key_pair=pair)
        case ApiKey(name, value, "header"):
            return Proof(((name.lower().encode(), value.encode()),))
        case ApiKey(name, value, "query"):
            return Proof(query=((name.encode(), value.encode()),))
    return Proof()
