"""The shape of an Application's `spec`: the one place its fields are written down, for admission and for `hub explain`.

Strict, as the custom resource of Kyma 2.x: an unknown field or a wrong type is refused with its path. Null counts as
absent, as 1.x took it.
"""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from hub.kernel.errors import HubError, InvalidField, MissingField

_SHOWN = 5
AccessLabel = Annotated[str, Field(max_length=63, pattern=r"^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$")]


class Shape(BaseModel):
    """Base of all shapes: strict types, no unknown field."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel, hide_input_in_errors=True)


class CsrfInfo(Shape):
    """CSRF protection of the target."""

    token_endpoint_url: str = Field(alias="tokenEndpointURL", description="Address that issues CSRF tokens.")


class CredentialsShape(Shape):
    """How the gateway authenticates."""

    type: str = Field(description="`Basic`, `OAuth`, `OAuthWithCert` or `CertificateGen`.")
    secret_name: str = Field(description="Secret with the credentials.")
    authentication_url: str | None = Field(None, description="Token endpoint of the OAuth types.")
    csrf_info: CsrfInfo | None = Field(None, description="CSRF token endpoint of the target.")


class EntryShape(Shape):
    """One half of a Service."""

    type: Literal["API", "Events"] = Field(description="`API` or `Events`.")
    target_url: str | None = Field(None, description="Base address of the API.")
    api_type: str | None = Field(None, description="`odata`, or empty for OpenAPI.")
    id: str | None = Field(None, description="Id of the API definition (Compass).")
    name: str | None = Field(None, description="Name of the API definition (Compass).")
    gateway_url: str | None = Field(None, description="Deprecated; address of the 1.x gateway.")
    central_gateway_url: str | None = Field(None, description="Address at the gateway.")
    access_label: AccessLabel | None = Field(None, description="Deprecated.")
    specification_url: str | None = Field(None, description="Where the specification came from.")
    request_parameters_secret_name: str | None = Field(
        None, description="Secret with `headers` and `queryParameters` added to every call."
    )
    credentials: CredentialsShape | None = Field(None, description="How the gateway authenticates at the target.")


class ServiceShape(Shape):
    """One registered offer of the Application."""

    id: str = Field(description="Unique within the Application.")
    name: str = Field(description="Unique technical name.")
    identifier: str | None = Field(None, description="The solution's own id of the Service, unique and immutable.")
    display_name: str = Field(description="Name for people; normalised, the path at the gateway.")
    description: str = Field(description="One line.")
    long_description: str | None = Field(None, description="The whole text.")
    provider_display_name: str = Field(description="Who provides it.")
    labels: dict[str, str] | None = Field(None, description="Arbitrary pairs.")
    tags: list[str] | None = Field(None, description="Arbitrary words.")
    auth_create_parameter_schema: str | None = Field(
        None, description="JSON Schema of the parameters for new credentials (Compass)."
    )
    entries: list[EntryShape] = Field(description="The API and the event catalog of the Service.")


class AuthenticationShape(Shape):
    """Accepted certificates."""

    client_ids: list[str] = Field(description="Accepted common names instead of the Application's.")


class CompassMetadataShape(Shape):
    """What Compass knows."""

    application_id: str | None = Field(None, description="Id at the Director.")
    authentication: AuthenticationShape = Field(description="Which client certificates speak for the Application.")


class ApplicationShape(Shape):
    """What a connected solution offers."""

    description: str | None = Field(None, description="What the solution is.")
    display_name: str | None = Field(None, description="Name for people.")
    provider_display_name: str | None = Field(None, description="Who provides it.")
    long_description: str | None = Field(None, description="The whole text.")
    tags: list[str] | None = Field(None, description="Arbitrary words.")
    labels: dict[str, str] | None = Field(None, description="Arbitrary pairs.")
    access_label: AccessLabel | None = Field(None, description="Deprecated.")
    skip_installation: bool | None = Field(None, description="1.x only; kept, without effect.")
    skip_verify: bool | None = Field(None, description="Do not verify the target's TLS certificate.")
    encode_url: bool | None = Field(
        None, description="`false` keeps percent-escapes of the path as sent; default `true`."
    )
    tenant: str | None = Field(None, description="With `group`: organization the certificate must have.")
    group: str | None = Field(None, description="With `tenant`: organizational unit the certificate must have.")
    compass_metadata: CompassMetadataShape | None = Field(None, description="Set by Compass.")
    services: list[ServiceShape] | None = Field(None, description="What the solution offers.")


def need_shape(spec: dict[str, Any], shape: type[Shape], root: str = "spec") -> dict[str, Any]:
    """Return a spec without what is null, after judging it.

    Raises:
        InvalidField, MissingField: with the path of the first field that is wrong; the text names up to five.
    """
    try:
        return shape.model_validate(spec).model_dump(by_alias=True, exclude_unset=True, exclude_none=True)
    except ValidationError as error:
        raise _refusal(error, root) from error


def _refusal(error: ValidationError, root: str) -> HubError:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    # A misspelt field is often missed under its right name too: the misspelling is what the person must see first.
    found.sort(key=lambda each: each["type"] != "extra_forbidden")
    texts = [_text(each["type"], _path(each["loc"], root), each["msg"]) for each in found[:_SHOWN]]
    kind = MissingField if found[0]["type"] == "missing" else InvalidField
    return kind(" ".join(texts), field=_path(found[0]["loc"], root))


def _path(location: tuple[int | str, ...], root: str) -> str:
    path = root
    for part in location:
        if part != "[key]":
            path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path


def _text(kind: str, path: str, message: str) -> str:
    if kind == "extra_forbidden":
        return f"{path} is not a field of this kind; correct or remove it."
    if kind == "missing":
        return f"{path} is missing."
    return f"{path}: {message[0].lower()}{message[1:]}."


def fields_of(shape: type[Shape], root: str = "spec") -> dict[str, str]:
    """Return path → meaning of every field, for `hub explain`."""
    return dict(_walk(shape, root))


def _walk(shape: type[Shape], path: str) -> Iterator[tuple[str, str]]:
    for field in shape.model_fields.values():
        name = str(field.alias)
        inner, in_list = _inner(field.annotation)
        here = f"{path}.{name}" if path else name
        yield here + ("[]" if in_list else ""), field.description or ""
        if inner is not None:
            yield from _walk(inner, here + ("[]" if in_list else ""))


def _inner(annotation: Any) -> tuple[type[Shape] | None, bool]:
    """Return the shape inside an annotation, and whether a list of it is meant."""
    if get_origin(annotation) in (UnionType, Union):
        annotation = next(part for part in get_args(annotation) if part is not type(None))
    in_list = get_origin(annotation) is list
    if in_list:
        annotation = get_args(annotation)[0]
    is_shape = isinstance(annotation, type) and issubclass(annotation, Shape)
    return (annotation if is_shape else None), in_list
