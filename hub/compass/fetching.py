"""Reads the Director's applications, every page of every level. Not pure: it calls.

Two passes: names first, which are few bytes and say which Applications there should be; then everything, page by page,
so that no more than one page of specifications is in memory. An Application has to be missing from both to be gone.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from hub.compass import queries
from hub.compass.graphql import Endpoint
from hub.compass.model import Bundle, Definition, DirectorApplication, Listing, Unreadable
from hub.compass.paging import Node, Pages, need_map
from hub.compass.reading import application_of, bundle_of, definition_of, labels_of
from hub.kernel.errors import BodyTooLarge, UpstreamRefused

log = structlog.get_logger()
_NAMES_PAGE = 200


@dataclass(frozen=True, slots=True)
class Director:
    """The Director, as one Runtime reads it."""

    endpoint: Endpoint
    runtime_id: str
    page_size: int

    async def listing(self) -> Listing:
        """Return which applications there are, and the labels of the Runtime.

        Raises:
            HubError: the Director does not answer, or not completely.
        """
        pages, after, labels = Pages("applications"), None, {}
        while True:
            answer = await self._ask(queries.LISTING, first=_NAMES_PAGE, after=after)
            labels = dict(labels_of(answer.get("runtime"), self.runtime_id))
            after = pages.take(answer.get("applicationsForRuntime"))
            if after is None:
                return Listing(labels, {each: str(node.get("name") or "") for each, node in pages.items.items()})

    async def applications(self) -> AsyncIterator[list[DirectorApplication | Unreadable]]:
        """Go over all applications, complete with their bundles and definitions, in pages.

        One whose part of the answer is not what the schema says, or too large, is `Unreadable`; the others are not.

        Raises:
            HubError: the Director does not answer, or not completely; the pages before are complete.
        """
        pages, after, size = Pages("applications"), None, self.page_size
        while True:
            known, oversize = set(pages.items), ""
            try:
                answer = await self._ask(queries.APPLICATIONS, first=size, after=after)
            except BodyTooLarge as error:
                if size > 1:
                    size = max(1, size // 4)
                    log.info("compass_page.reduced", applications=size)
                    continue
                answer, oversize = await self._ask(queries.LISTING, first=1, after=after), error.detail
            after = pages.take(answer.get("applicationsForRuntime"))
            new = [node for each, node in pages.items.items() if each not in known]
            yield [_oversized(node, oversize) if oversize else await self._application(node) for node in new]
            # Of what was handed over only the id is still needed.
            pages.items.update({each: {} for each in pages.items})
            if after is None:
                return

    async def set_label(self, key: str, value: str) -> None:
        """Set a label of the Runtime.

        Raises:
            HubError: the Director refuses or does not answer.
        """
        await self._ask(queries.SET_LABEL, key=key, value=value)

    async def _ask(self, document: str, **variables: Any) -> Mapping[str, Any]:
        return await self.endpoint.ask(document, {"runtime": self.runtime_id} | variables)

    async def _application(self, node: Node) -> DirectorApplication | Unreadable:
        try:
            bundles = await self._bundles(str(node.get("id")), node.get("bundles"))
            return application_of(node, bundles)
        except UpstreamRefused as error:
            return Unreadable(str(node.get("id")), str(node.get("name") or ""), error.detail)

    async def _bundles(self, application: str, page: Any) -> tuple[Bundle, ...]:
        pages = Pages(f"bundles of {application}")
        after = pages.take(page) if page is not None else None
        while after is not None:
            answer = await self.endpoint.ask(queries.BUNDLES, {"application": application, "after": after})
            after = pages.take(_parent(answer, application).get("bundles"))
        return tuple([await self._bundle(application, node) for node in pages.items.values()])

    async def _bundle(self, application: str, node: Node) -> Bundle:
        bundle = str(node.get("id"))
        apis = await self._definitions(application, bundle, "apiDefinitions", node.get("apiDefinitions"))
        events = await self._definitions(application, bundle, "eventDefinitions", node.get("eventDefinitions"))
        return bundle_of(node, apis, events)

    async def _definitions(self, application: str, bundle: str, member: str, page: Any) -> tuple[Definition, ...]:
        pages = Pages(f"{member} of bundle {bundle}")
        after = pages.take(page) if page is not None else None
        while after is not None:
            document = queries.APIS if member == "apiDefinitions" else queries.EVENTS
            variables = {"application": application, "bundle": bundle, "after": after}
            parent = _parent(await self.endpoint.ask(document, variables), application)
            after = pages.take(need_map(parent.get("bundle"), f"bundle {bundle}").get(member))
        return tuple(definition_of(each) for each in pages.items.values())


def _oversized(node: Node, why: str) -> Unreadable:
    return Unreadable(str(node.get("id")), str(node.get("name") or ""), why)


def _parent(answer: Mapping[str, Any], application: str) -> Node:
    return need_map(answer.get("application"), f"application {application}")
