"""A message of the stream as a Delivery: how often, position and time are in the subject of its acknowledgement."""

from hub.dispatch.consumer.intake import Message
from hub.dispatch.model import Delivery

# `$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>`; with a domain two tokens come
# before the stream, and one more at the end.
_SHORT = 9


def delivery_of(message: Message) -> tuple[Delivery, int]:
    """Return the delivery that a message of a pull consumer is, and how often it has been handed out.

    Raises:
        ValueError: the reply subject is none of JetStream's.
    """
    tokens = message.reply.split(".")
    first = 4 if len(tokens) == _SHORT else 6
    handed_out, sequence, _, stored_at = tokens[first : first + 4]
    delivery = Delivery(message.headers or {}, message.data, message.subject, int(sequence), int(stored_at) / 1e9)
    return delivery, int(handed_out)


def handing_of(reply: str) -> int:
    """Return the number of this handing-out, counted per consumer and without gaps.

    Raises:
        ValueError: the reply subject is none of JetStream's.
    """
    tokens = reply.split(".")
    return int(tokens[6 if len(tokens) == _SHORT else 8])
