"""The request as a handler sees it: `event["extensions"]["request"]` and `event.req`.

Offers what functions written for Kyma's Python runtimes use of Bottle's and Flask's request, read from values instead
of a WSGI environment. Runs inside the Function's process and imports nothing but the standard library.
"""

import io
import json
from collections.abc import ItemsView, Iterator, Mapping
from typing import Any

_decode = json.JSONDecoder().raw_decode


def parsed(content: bytes) -> Any:
    """Return what JSON says, as `json.loads` does; plain UTF-8 without its looks at encodings and blanks.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        text = content.decode()
        value, end = _decode(text)
        if end == len(text):
            return value
    except ValueError:  # what it is instead, or what is wrong, the whole way tells
        pass
    return json.loads(content)


class Headers(Mapping[str, str]):
    """Header fields; names in any case."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        """Keep the fields, names as they came in lower case."""
        self.plain = {name.lower(): value for name, value in fields.items()}
        """The same as a map whose names are in lower case, for who knows them so."""

    def __getitem__(self, name: str) -> str:
        """Return a field's value."""
        return self.plain[name.lower()]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, in lower case."""
        return iter(self.plain)

    def __len__(self) -> int:
        """Return the number of fields."""
        return len(self.plain)

    # What `Mapping` would make of the methods above, without a call of Python per field.
    def __contains__(self, name: object) -> bool:
        """Say whether there is such a field."""
        return isinstance(name, str) and name.lower() in self.plain

    def get(self, name: str, default: Any = None) -> Any:
        """Return a field's value, or the default."""
        return self.plain.get(name.lower(), default)

    def items(self) -> ItemsView[str, str]:
        """Return names and values."""
        return self.plain.items()


class Request:
    """One request: method, path, query, headers and a body that has been read already."""

    def __init__(self, meta: Mapping[str, Any], body: bytes) -> None:
        """Create the request from the header of an invocation and its body."""
        self.method: str = meta.get("method", "POST")
        self.path: str = meta.get("path", "/")
        self.query_string: str = meta.get("query", "")
        self.headers = Headers(meta.get("headers", {}))
        self.content = body
        self._file: io.BytesIO | None = None

    @property
    def body(self) -> io.BytesIO:
        """Return the body as a file, as Bottle does; `content` is the same as bytes."""
        if self._file is None:
            self._file = io.BytesIO(self.content)
        return self._file

    @property
    def content_type(self) -> str:
        """Return the content type, in lower case, with its parameters."""
        given: str = self.headers.get("content-type", "")
        return given.lower()

    @property
    def content_length(self) -> int:
        """Return the length of the body in bytes."""
        return len(self.content)

    @property
    def json(self) -> Any:
        """Return the body read as JSON, or None when it is empty."""
        return parsed(self.content) if self.content else None

    @property
    def url(self) -> str:
        """Return the path with its query."""
        return f"{self.path}?{self.query_string}" if self.query_string else self.path

    @property
    def query(self) -> dict[str, str]:
        """Return the query's fields; of a repeated one the last."""
        return _fields(self.query_string)

    args = params = query

    @property
    def forms(self) -> dict[str, str]:
        """Return the fields of a form that was sent as the body."""
        return _fields(self.content.decode(errors="replace")) if "form-urlencoded" in self.content_type else {}

    form = forms

    @property
    def values(self) -> dict[str, str]:
        """Return the fields of query and form together."""
        return self.query | self.forms

    @property
    def cookies(self) -> dict[str, str]:
        """Return the cookies."""
        from http.cookies import SimpleCookie  # only functions that ask for it pay for the import

        return {name: morsel.value for name, morsel in SimpleCookie(self.headers.get("cookie", "")).items()}

    @property
    def mimetype(self) -> str:
        """Return the content type without parameters."""
        return self.content_type.partition(";")[0].strip()

    @property
    def is_json(self) -> bool:
        """Say whether the body claims to be JSON."""
        return self.mimetype == "application/json" or self.mimetype.endswith("+json")

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """Return the body read as JSON; None where it does not claim to be JSON, unless forced."""
        if not (force or self.is_json):
            return None
        try:
            return self.json
        except ValueError:
            if silent:
                return None
            raise

    def get_data(self, cache: bool = True, as_text: bool = False, parse_form_data: bool = False) -> Any:
        """Return the body."""
        return self.text if as_text else self.content

    @property
    def data(self) -> bytes:
        """Return the body."""
        return self.content

    @property
    def full_path(self) -> str:
        """Return the path with its query, as Flask does."""
        return f"{self.path}?{self.query_string}"

    @property
    def text(self) -> str:
        """Return the body as text."""
        return self.content.decode(errors="replace")

    def get_header(self, name: str, default: str | None = None) -> str | None:
        """Return a header field, or the default."""
        value: str | None = self.headers.get(name, default)
        return value


def _fields(text: str) -> dict[str, str]:
    from urllib.parse import parse_qsl  # only functions that ask for it pay for the import

    return dict(parse_qsl(text, keep_blank_values=True))
