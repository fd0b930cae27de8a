"""Who sits at the keyboard: the name that audit records of commands carry."""

import getpass
import socket


def operator() -> str:
    """Return `user@host`; an operator is believed about it, for whoever reaches the bus may do everything anyway."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
