"""Kyma's events of the 0.3 form: a JSON body at `POST /{application}/v2/events`, answered like legacy events. Pure.

Later Kymas take CloudEvents at the same path; what is neither a CloudEvent by content type nor by `ce-` headers is read
as this form.

Source: kyma-project/kyma, components/event-service at 1.4.0, internal/events/api.
"""

from hub.ingress import exact
from hub.ingress.dialects.kyma_v1 import check_data, check_id, check_time, check_version, members_of, needed_text
from hub.ingress.model import JSON_TYPE, Draft
from hub.kernel.errors import InvalidField, MissingField

SPEC_VERSION = "0.3"


def parse(body: bytes, application: str) -> Draft:
    """Read an event of the 0.3 form; checks stop at the first failure, in upstream's order.

    Raises:
        MissingField, InvalidField: with the name of the member.
        InvalidInput: the body is no JSON object.
    """
    members = members_of(body)
    if not members.get("id"):
        raise MissingField("Missing field", field="id")
    event_type = needed_text(members, "type")
    version = check_version(members, "eventtypeversion")
    time = check_time(members, "time")
    event_id = check_id(members, "id")
    if members.get("specversion") != SPEC_VERSION:
        raise InvalidField("Invalid field", field="specversion")
    value = check_data(members)
    attributes = {
        "specversion": "1.0",
        "id": event_id,
        "source": application,
        "type": f"{event_type}.{version}",
        "time": time,
        "eventtypeversion": version,
    }
    return Draft(attributes, exact.dumps(value), JSON_TYPE, value, has_value=True)
