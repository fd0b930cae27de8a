"""A list that comes in pages, read to its end or refused: what is missing from half a list must never look removed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.kernel.errors import UpstreamRefused

Node = Mapping[str, Any]


@dataclass
class Pages:
    """Collects the pages of one list."""

    what: str
    """For refusals: `applications`, `bundles of shop`."""
    items: dict[str, Node] = field(default_factory=dict)
    """By id, in the order of the list."""
    _cursors: set[str] = field(default_factory=set)

    def take(self, page: Any) -> str | None:
        """Add a page; returns the cursor of the next one, None when the list is complete.

        Raises:
            UpstreamRefused: a part is missing, the page repeats or the pages do not end.
        """
        node = need_map(page, self.what)
        items = need_list(node.get("data"), f"{self.what}: data")
        info = need_map(node.get("pageInfo"), f"{self.what}: pageInfo")
        has_next = info.get("hasNextPage")
        if not isinstance(has_next, bool):
            raise self._refusal("a page does not say whether it is the last")
        for item in items:
            self._add(need_map(item, self.what))
        if has_next:
            return self._next(info.get("endCursor"), len(items))
        self._end(node.get("totalCount"))
        return None

    def _add(self, item: Node) -> None:
        item_id = need_text(item.get("id"), f"{self.what}: id")
        if item_id in self.items:
            raise self._refusal(f"'{item_id}' stands on two pages")
        self.items[item_id] = item

    def _next(self, cursor: Any, received: int) -> str:
        if not isinstance(cursor, str) or not cursor:
            raise self._refusal("a page announces another one and gives no cursor")
        if cursor in self._cursors or not received:
            raise self._refusal("the pages do not end")
        self._cursors.add(cursor)
        return cursor

    def _end(self, total: Any) -> None:
        if isinstance(total, int) and total != len(self.items):
            raise self._refusal(f"{len(self.items)} came and totalCount says {total}")

    def _refusal(self, why: str) -> UpstreamRefused:
        return UpstreamRefused(f"The Director's list of {self.what} is not complete: {why}; nothing is removed by it.")


def need_map(value: Any, what: str) -> Node:
    """Return an object of an answer.

    Raises:
        UpstreamRefused: it is none.
    """
    if not isinstance(value, Mapping):
        raise UpstreamRefused(f"The Director's answer has no {what}.")
    return value


def need_list(value: Any, what: str) -> list[Any]:
    """Return a list of an answer.

    Raises:
        UpstreamRefused: it is none.
    """
    if not isinstance(value, list):
        raise UpstreamRefused(f"The Director's answer has no {what}.")
    return value


def need_text(value: Any, what: str) -> str:
    """Return a non-empty text of an answer.

    Raises:
        UpstreamRefused: it is none.
    """
    if not isinstance(value, str) or not value:
        raise UpstreamRefused(f"The Director's answer has no {what}.")
    return value
