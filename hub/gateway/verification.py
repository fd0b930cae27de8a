"""Makes visible which Applications are called without checking their certificates."""

import structlog

from hub.gateway.metering import UNVERIFIED
from hub.kernel.resource import Resource

log = structlog.get_logger()


class Verification:
    """Follows the Applications."""

    def __init__(self) -> None:
        """Begin without any."""
        self._skipped: set[str] = set()

    def changed(self, key: str, application: Resource | None) -> None:
        """Log and show when an Application switches the checks off; withdraw it when they are on again."""
        if application is not None and application.spec.get("skipVerify"):
            if key not in self._skipped:
                self._skipped.add(key)
                log.warning("verification.skipped", application=application.name)
                UNVERIFIED.labels(application.name).set(1)
        elif key in self._skipped:
            self._skipped.discard(key)
            UNVERIFIED.remove(key.partition(".")[2].replace("/", "."))
