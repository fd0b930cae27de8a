"""Request bodies that come compressed: inflated up to a bound, so that a small body cannot become a large one. Pure."""

import zlib

import zstandard

from hub.kernel.errors import BodyTooLarge, InvalidInput, UnsupportedContent

ACCEPTED = "gzip, zstd"
_GZIP = zlib.MAX_WBITS | 16
_WINDOW = 2**23
_STEP = 64


def inflate(body: bytes, encoding: str, limit_bytes: int) -> bytes:
    """Return the body without its content encoding.

    Raises:
        UnsupportedContent: the encoding is neither absent, `identity`, `gzip` nor `zstd`.
        BodyTooLarge: it would be longer than the limit.
        InvalidInput: it is not encoded so, or cut off.
    """
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return body
    if name in {"gzip", "x-gzip"}:
        return _gunzip(body, limit_bytes)
    if name == "zstd":
        return _unzstd(body, limit_bytes)
    raise UnsupportedContent(f"The content encoding '{encoding}' is not accepted; send {ACCEPTED} or none.")


def _gunzip(body: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj(_GZIP)
    try:
        inflated = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        raise InvalidInput(f"The body is not gzip: {error}.") from error
    return _whole(inflated, inflater.eof and not inflater.unused_data, limit)


def _unzstd(body: bytes, limit: int) -> bytes:
    inflater = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()
    parts: list[bytes] = []
    size = 0
    try:
        # Little by little: a few bytes of input become at most some megabytes, and no more is asked for than fits.
        for start in range(0, len(body), _STEP):
            if inflater.eof:
                return _whole(b"".join(parts), False, limit)
            parts.append(inflater.decompress(body[start : start + _STEP]))
            size += len(parts[-1])
            if size > limit:
                break
    except zstandard.ZstdError as error:
        raise InvalidInput(f"The body is not zstd: {error}.") from error
    return _whole(b"".join(parts), inflater.eof and not inflater.unused_data, limit)


def _whole(inflated: bytes, ended: bool, limit: int) -> bytes:
    if len(inflated) > limit:
        raise BodyTooLarge(f"The inflated body is longer than {limit} bytes.", limit=limit)
    if not ended:
        raise InvalidInput("The compressed body is cut off, or more follows it.")
    return inflated
