"""The connected solution of the demo, a process of its own that uses nothing but the hub's public HTTP.

`python -m hub.demo.solution PAIRING_URL CA_FILE DIRECTORY` pairs, registers, posts, and prints a JSON line per event.
"""

import json
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from hub.commands.connection.pairing import pair
from hub.demo.events import APPLICATION, Planned, breaking, id_of, planned
from hub.demo.manifests import services
from hub.kernel.errors import HubError, UpstreamRefused, UpstreamUnavailable

BATCH = 10
CATALOG_LIMIT_SECONDS = 30.0
AWAY_LIMIT_SECONDS = 60.0
NOT_PAIRED = 3
"""Exit status when the pairing was cut off: the token may be used up, so another one is needed."""
_PAUSE_SECONDS = 0.2
_AWAY = (429, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Shop:
    """The solution after pairing."""

    client: httpx.Client
    edge: str

    def register(self, url: str) -> None:
        """Register the API and the event catalog.

        Raises:
            UpstreamRefused: the hub did not take one.
        """
        for service in services():
            answer = self._persist(partial(self._register_once, url, service))
            if answer.status_code != 200:
                raise UpstreamRefused(f"Registering '{service['name']}' was answered {answer.status_code}.")

    def _register_once(self, url: str, service: dict[str, Any]) -> httpx.Response:
        """Register a service unless it is there: an answer that got lost does not mean that nothing was done."""
        known = self.client.get(url)
        if known.status_code != 200 or any(each["name"] == service["name"] for each in known.json()):
            return known
        return self.client.post(url, json=service)

    def await_catalog(self) -> None:
        """Post events that break the schema until one is refused: from then on the catalog is enforced.

        Raises:
            UpstreamUnavailable: none was refused in time.
        """
        limit, number = time.monotonic() + CATALOG_LIMIT_SECONDS, 0
        while time.monotonic() < limit:
            probe = breaking(id_of(f"probe {number}"))
            answer = self.send(probe)
            say(probe, answer, "probe")
            if answer.status_code == 422:
                return
            number += 1
            time.sleep(_PAUSE_SECONDS)
        raise UpstreamUnavailable(f"No schema is enforced {CATALOG_LIMIT_SECONDS:.0f} s after registration.")

    def send(self, event: Planned) -> httpx.Response:
        """Post one event in its form."""
        url = f"{self.edge}/{event.application}/events"
        if event.form == "binary":
            return self._post(url, event.headers(), event.data)
        if event.form == "structured":
            return self._post(url, {"content-type": "application/cloudevents+json"}, event.structured())
        return self._post(
            f"{self.edge}/{event.application}/v1/events", {"content-type": "application/json"}, event.legacy()
        )

    def send_batch(self, events: list[Planned]) -> httpx.Response:
        """Post several events in one request."""
        headers = {"content-type": "application/cloudevents-batch+json"}
        return self._post(f"{self.edge}/{APPLICATION}/events", headers, [event.structured() for event in events])

    def _post(self, url: str, headers: dict[str, str], content: Any) -> httpx.Response:
        """Post until it is answered: repeating is safe, for the hub knows the id again."""
        return self._persist(partial(self.client.post, url, headers=headers, content=json.dumps(content)))

    def _persist(self, call: Callable[[], httpx.Response]) -> httpx.Response:
        """Call until the hub is there to answer."""
        limit = time.monotonic() + AWAY_LIMIT_SECONDS
        while True:
            try:
                answer = call()
            except httpx.TransportError:
                answer = httpx.Response(503)
            if answer.status_code not in _AWAY or time.monotonic() > limit:
                return answer
            time.sleep(_PAUSE_SECONDS)


def post_all(shop: Shop) -> None:
    """Post every event of the plan; those of the batch form are sent ten at a time."""
    events = planned()
    for batch in _batches([event for event in events if event.form == "batch"]):
        answer = shop.send_batch(batch)
        for event in batch:
            say(event, answer, event.form)
    for event in events:
        if event.form != "batch":
            say(event, shop.send(event), event.form)


def _batches(events: list[Planned]) -> Iterator[list[Planned]]:
    for start in range(0, len(events), BATCH):
        yield events[start : start + BATCH]


def say(event: Planned, answer: httpx.Response, form: str) -> None:
    """Print what became of one event."""
    duplicate = answer.headers.get("hub-duplicate", "").lower() == "true"
    answered = {"status": answer.status_code, "duplicate": duplicate}
    write({"id": event.id, "type": event.type, "form": form} | answered)


def write(line: dict[str, Any]) -> None:
    """Print a line for whoever plays the demo."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def post_everything(paired: dict[str, Any]) -> None:
    """Be the paired solution: register, see the schemas enforced, post."""
    context = ssl.create_default_context(cafile=paired["ca"])
    context.load_cert_chain(paired["certificate"], paired["key"])
    with httpx.Client(verify=context, timeout=30, trust_env=False) as client:
        shop = Shop(client, paired["eventsUrl"].removesuffix(f"/{APPLICATION}/v1/events"))
        shop.register(paired["metadataUrl"])
        shop.await_catalog()
        post_all(shop)


def run(pairing_url: str, ca: Path, folder: Path) -> int:
    """Be the solution, from pairing to the last event; return the exit status."""
    status = NOT_PAIRED
    try:
        write({"step": "pairing"})
        paired = pair(pairing_url, folder, ca=ca, force=True)
        status = 1
        post_everything(paired)
    except HubError as error:
        sys.stderr.write(f"{error.detail}\n")
        return status
    return 0


def main() -> int:
    """Run with the arguments of the command line; return the exit status."""
    url, ca, folder = sys.argv[1:]
    return run(url, Path(ca), Path(folder))


if __name__ == "__main__":
    sys.exit(main())
