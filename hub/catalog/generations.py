"""The three generations of AsyncAPI: 1.x topics, 2.x channels, 3.x operations. Pure.

Each generation says the same in other words: what the Application sends, on which channel, as which messages. From the
solution's side 1.x and 2.x call that `subscribe` (others may), 3.x calls it `send`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hub.catalog.references import follow
from hub.kernel.errors import InvalidField

Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Offer:
    """An event type as a document offers it, every reference on the way followed."""

    key: str
    """The name as written: `order/created/v1` or `order.created.v1`."""
    path: str
    """Where it stands in the document, as a JSON pointer."""
    messages: tuple[Node, ...]
    around: tuple[Node, ...]
    """What surrounds the messages, nearest first: operation, channel, document."""


def topics(root: Node) -> Iterator[Offer]:
    """Return what a 1.x document offers: topics with `subscribe`, which is the message."""
    for key, path, topic in _items(root, "topics"):
        if "subscribe" in topic:
            found = needed(follow(root, topic["subscribe"], f"{path}/subscribe"), f"{path}/subscribe")
            yield from _offers(key, path, _one_of(root, found, f"{path}/subscribe"), (topic, root))


def channels(root: Node) -> Iterator[Offer]:
    """Return what a 2.x document offers: channels with `subscribe`, which has a message or several."""
    for key, path, channel in _items(root, "channels"):
        if "subscribe" not in channel:
            continue
        operation = needed(follow(root, channel["subscribe"], f"{path}/subscribe"), f"{path}/subscribe")
        place = f"{path}/subscribe/message"
        message = follow(root, operation.get("message", {}), place)
        messages = _one_of(root, needed(message, place), place)
        yield from _offers(key, path, messages, (operation, channel, root))


def operations(root: Node) -> Iterator[Offer]:
    """Return what a 3.x document offers: channels that an operation sends to; all of them without operations."""
    sending = [found for _, path, found in _items(root, "operations") if _sends(found, path)]
    for key, path, channel in _items(root, "channels"):
        mine = [operation for operation in sending if _channel_of(root, operation, path) is channel]
        if not mine and root.get("operations"):
            continue
        address = channel.get("address")
        messages = _selected(root, mine, _messages(root, channel, path), path)
        yield from _offers(
            address if isinstance(address, str) and address else key, path, messages, (*mine, channel, root)
        )


def needed(node: Any, path: str) -> Node:
    """Return a node as the object it must be.

    Raises:
        InvalidField: it is something else.
    """
    if not isinstance(node, Mapping):
        raise InvalidField(f"{path} of the AsyncAPI document is not an object.", field=path)
    return node


def pointer(part: str) -> str:
    """Return a name as a part of a JSON pointer."""
    return part.replace("~", "~0").replace("/", "~1")


Named = tuple[tuple[str, Node], ...]


def _offers(key: str, path: str, messages: Named, around: tuple[Node, ...]) -> Iterator[Offer]:
    names = [name for name, _ in messages]
    if len(names) > 1 and all(names) and len(set(names)) == len(names):
        # Several messages on one channel: the channel is a road, the messages are the event types.
        for name, message in messages:
            yield Offer(name, path, (message,), around)
        return
    yield Offer(key, path, tuple(message for _, message in messages), around)


def _items(root: Node, member: str) -> Iterator[tuple[str, str, Node]]:
    for key, node in needed(root.get(member) or {}, f"/{member}").items():
        path = f"/{member}/{pointer(key)}"
        yield key, path, needed(follow(root, node, path), path)


def _one_of(root: Node, message: Node, path: str) -> Named:
    several = message.get("oneOf")
    if not isinstance(several, list):
        return (("", message),)
    found = [needed(follow(root, each, f"{path}/oneOf"), f"{path}/oneOf") for each in several]
    return tuple((_text(each.get("name")), each) for each in found)


def _messages(root: Node, channel: Node, path: str) -> Named:
    place = f"{path}/messages"
    listed = needed(channel.get("messages") or {}, place)
    followed = [(key, needed(follow(root, each, place), place)) for key, each in listed.items()]
    return tuple((_text(each.get("name")) or key, each) for key, each in followed)


def _sends(operation: Node, path: str) -> bool:
    action = operation.get("action")
    if action not in ("send", "receive"):
        raise InvalidField(f"{path}/action of the AsyncAPI document is neither 'send' nor 'receive'.", field=path)
    return bool(action == "send")


def _channel_of(root: Node, operation: Node, path: str) -> Any:
    return follow(root, operation.get("channel"), f"{path} (channel of an operation)")


def _selected(root: Node, sending: list[Node], messages: Named, path: str) -> Named:
    wanted: list[int] = []
    for operation in sending:
        listed = operation.get("messages")
        if not isinstance(listed, list):
            return messages
        wanted += [id(follow(root, each, f"{path} (message of an operation)")) for each in listed]
    return tuple((name, message) for name, message in messages if id(message) in wanted) if sending else messages


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
