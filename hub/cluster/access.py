"""By what right a process connects with the event store: certificates are read here, where settings are known."""

import ssl
from typing import Any

from hub.kernel.errors import Misconfigured
from hub.kernel.settings import NatsSettings


def access_of(settings: NatsSettings) -> dict[str, Any]:
    """Return by what right a process connects: its TLS context, if one is configured, and where answers reach it.

    Raises:
        Misconfigured: a certificate or key cannot be used.
    """
    if settings.ca_file is None and settings.certificate_file is None:
        return {"tls": None, "inbox_prefix": settings.inbox_prefix}
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.certificate_file is not None:
            context.load_cert_chain(settings.certificate_file, settings.key_file)
    except OSError as error:
        raise Misconfigured(
            f"HUB_NATS__CA_FILE, HUB_NATS__CERTIFICATE_FILE or HUB_NATS__KEY_FILE cannot be used: {error}."
        ) from error
    return {"tls": context, "inbox_prefix": settings.inbox_prefix}
