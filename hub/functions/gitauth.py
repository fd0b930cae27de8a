"""Credentials of a Git repository, read from a Secret as upstream reads it. Pure.

Source: kyma-project/serverless:components/buildless-serverless/internal/controller/git (authorization).
"""

from collections.abc import Mapping

from hub.kernel.errors import InvalidInput

_BASIC, _KEY = "kubernetes.io/basic-auth", "kubernetes.io/ssh-auth"
_TYPED = {"basic": _BASIC, "key": _KEY}


def credentials_of(kind: str, secret_type: str, values: Mapping[str, bytes]) -> dict[str, str]:
    """Return `username` and `password`, or `key` and perhaps its `passphrase`.

    Args:
        kind: `basic` or `key`, as the Function says.
        secret_type: type of the Secret; a plain one may be used for both.
        values: the Secret's values.

    Raises:
        InvalidInput: the Secret is of the other type, or lacks a value.
    """
    if secret_type in _TYPED.values() and secret_type != _TYPED[kind]:
        raise _refused(f"inconsistent secret type: {kind}, {secret_type}")
    if kind == "basic":
        if "username" not in values or "password" not in values:
            raise _refused("missing 'username' or 'password'")
        return {name: values[name].decode("utf-8", "replace").strip("\r\n") for name in ("username", "password")}
    name = "ssh-privatekey" if secret_type == _KEY else "key"
    if name not in values:
        raise _refused(f"missing '{name}'")
    key = {"key": values[name].decode("utf-8", "replace")}
    password = values.get("password", b"").decode("utf-8", "replace")
    return key | ({"passphrase": password} if password else {})


def _refused(text: str) -> InvalidInput:
    return InvalidInput(f"Getting git authorization data failed: {text}", reason="SourceUpdateFailed")
