"""The double is a faithful Compass: the scenarios that upstream runs against the real one hold here too."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from graphql import GraphQLObjectType, GraphQLSchema, build_schema, parse, validate

from hub.compass import queries
from hub.compass.certification import new_request
from tests.doubles.compass import serving
from tests.doubles.compass.authority import subject_of
from tests.doubles.compass.client import CONFIGURATION, Caller
from tests.doubles.compass.world import api, basic, bundle

SDL = Path(__file__).parents[2].parent / "shared" / "data" / "sdl"
HERE = Path(serving.__file__).parent

async def test_a_token_gives_the_configuration_once(caller: Caller) -> None:
    """Token, subject, algorithm and addresses; the same token, none, an unknown and an old one are refused."""
    runtime = caller.compass.world.runtime()
    token = caller.compass.world.token_for("RUNTIME", runtime.id, runtime.tenant)
    assert 88 == len(token)
    told = (await caller.connector(CONFIGURATION, token))["data"]["result"]
    assert told["token"]["token"] and "rsa2048" == told["certificateSigningRequestInfo"]["keyAlgorithm"]
    assert told["managementPlaneInfo"]["directorURL"] == caller.compass.secured_url("director")
    caller.compass.world.token_seconds = -1
    late = caller.compass.world.token_for("RUNTIME", runtime.id, runtime.tenant)
    for wrong in (token, "", "unknown", late):
        answer = await caller.connector(CONFIGURATION, wrong)
        assert answer["errors"][0]["message"].startswith("Failed to authenticate request.") and answer["data"] is None


@pytest.mark.parametrize(
    ("request_of", "said"),
    [
        (lambda _subject: "not base64!", "Error while parsing base64 content"),
        (lambda _subject: base64.b64encode(b"no pem").decode(), "Error while decoding pem block"),
        (lambda subject: new_request(subject.partition(",CN=")[0] + ",CN=other", 2048)[1], "Invalid common name"),
        (lambda subject: new_request(subject.replace("C=PL", "C=DE"), 2048)[1], "Invalid country"),
        (lambda subject: new_request(subject.replace("O=Org,", ""), 2048)[1], "No organization provided"),
    ],
    ids=["base64", "pem", "common-name", "country", "no-organization"],
)
async def test_a_wrong_signing_request_is_refused_and_uses_the_token_up(
    caller: Caller, request_of: Any, said: str
) -> None:
    """With upstream's text; the token is gone whatever came of it."""
    world = caller.compass.world
    token = world.token_for("RUNTIME", world.runtime().id, "tenant-1")
    subject = subject_of(next(iter(world.auths)))
    answer = await caller.connector(queries.SIGN, token, csr=request_of(subject))
    assert said in answer["errors"][0]["message"] and answer["data"] is None
    again = await caller.connector(queries.SIGN, token, csr=new_request(subject, 2048)[1])
    assert "Failed to authenticate" in again["errors"][0]["message"]


async def test_the_whole_life_of_a_certificate(caller: Caller) -> None:
    """Paired, asked, renewed, asked, revoked; then every door is closed."""
    runtime = caller.compass.world.runtime()
    paired = await caller.pair("RUNTIME", runtime.id)
    told = (await caller.connector(queries.CONFIGURATION, credentials=paired))["data"]["configuration"]
    key, request = new_request(told["certificateSigningRequestInfo"]["subject"], 2048)
    signed = await caller.connector(queries.SIGN, credentials=paired, csr=request)
    renewed = caller.credentials(signed["data"]["signCertificateSigningRequest"], key)
    again = (await caller.connector(queries.CONFIGURATION, credentials=renewed))["data"]["configuration"]
    for member in ("certificateSigningRequestInfo", "managementPlaneInfo"):
        assert told[member] == again[member]
    revoked = await caller.connector("mutation { revokeCertificate }", credentials=renewed)
    assert {"data": {"revokeCertificate": True}} == revoked
    refused = await caller.connector(queries.CONFIGURATION, credentials=renewed)
    assert refused["errors"] and refused["data"] is None
    answer = await caller.ask(caller.compass.secured_url("director"), "{ viewer { id } }", renewed)
    assert 26 == answer["errors"][0]["extensions"]["error_code"]


async def test_a_certificate_cannot_be_claimed_by_a_header(caller: Caller) -> None:
    """Without a certificate the resolver's headers are nothing; with one they change nobody."""
    runtime = caller.compass.world.runtime()
    paired = await caller.pair("RUNTIME", runtime.id)
    forged = {"Client-Id-From-Certificate": "x", "Certificate-Data": 'Subject="CN=x";Hash=00'}
    answer = await caller.ask(caller.compass.connector_url, queries.CONFIGURATION, None, forged)
    assert "Failed to authenticate" in answer["errors"][0]["message"]
    viewer = await caller.ask(caller.compass.secured_url("director"), "{ viewer { id type } }", paired, forged)
    assert {"id": runtime.id, "type": "RUNTIME"} == viewer["data"]["viewer"]


async def test_a_runtime_sees_the_applications_of_its_formations_and_their_certificates(caller: Caller) -> None:
    """Of its tenant, normalized; the ids of their auths are the common names of their certificates."""
    world = caller.compass.world
    runtime, one = world.runtime(), world.application("My App", bundle("b", apis=[api("a")], auth=basic()))
    world.assign(runtime.id, "default")
    world.application("elsewhere", formation="other")
    world.application("foreign", tenant="tenant-2")
    app, paired = await caller.pair("APPLICATION", one.id), await caller.pair("RUNTIME", runtime.id)
    answer = await caller.ask(
        caller.compass.secured_url("director"), queries.APPLICATIONS, paired, runtime=runtime.id, first=200
    )
    (found,) = answer["data"]["applicationsForRuntime"]["data"]
    names = x509.load_pem_x509_certificate(app.certificate).subject.rfc4514_string()
    assert "mp-my-app" == found["name"] and f"CN={found['auths'][0]['id']}" in names
    assert "user" == found["bundles"]["data"][0]["defaultInstanceAuth"]["credential"]["username"]
    runtime.labels["isNormalized"] = "false"
    world.changed()
    plain = await caller.ask(
        caller.compass.secured_url("director"), queries.LISTING, paired, runtime=runtime.id, first=1
    )
    assert "My App" == plain["data"]["applicationsForRuntime"]["data"][0]["name"]


async def test_a_runtime_may_not_do_what_an_admin_may(caller: Caller) -> None:
    """And a tenant that is not its own is refused before anything is looked at."""
    runtime = caller.compass.world.runtime()
    paired = await caller.pair("RUNTIME", runtime.id)
    url = caller.compass.secured_url("director")
    document = 'mutation { registerApplication(in: {name: "x"}) { id } }'
    assert 23 == (await caller.ask(url, document, paired))["errors"][0]["extensions"]["error_code"]
    foreign = await caller.ask(url, "{ viewer { id } }", paired, {"Tenant": "tenant-2"})
    assert 25 == foreign["errors"][0]["extensions"]["error_code"]


async def test_an_application_hears_where_to_post_its_events(caller: Caller) -> None:
    """The host of the runtime's label with the path of upstream; nothing without a runtime."""
    world = caller.compass.world
    runtime, shop = world.runtime(), world.application("shop")
    document = "query Q($id: ID!) { application(id: $id) { eventingConfiguration { defaultURL } } }"
    paired = await caller.pair("APPLICATION", shop.id)
    url = caller.compass.secured_url("director")

    async def told() -> str:
        answer = await caller.ask(url, document, paired, id=shop.id)
        return str(answer["data"]["application"]["eventingConfiguration"]["defaultURL"])

    assert "" == await told()
    world.assign(runtime.id, "default")
    runtime.labels["runtime_eventServiceUrl"] = "https://gateway.hub.test:8443/ignored"
    world.changed()
    assert "https://gateway.hub.test:8443/mp-shop/v1/events" == await told()


async def test_the_admin_registers_and_pairs(caller: Caller) -> None:
    """What a provisioner does: a runtime, a token that can be pasted, an application in a formation."""
    made = await caller.admin('mutation { registerRuntime(in: {name: "hub"}) { id labels } }')
    runtime = made["registerRuntime"]["id"]
    assert "true" == made["registerRuntime"]["labels"]["isNormalized"]
    document = "mutation T($id: ID!) { requestOneTimeTokenForRuntime(id: $id) { token connectorURL rawEncoded } }"
    token = (await caller.admin(document, id=runtime))["requestOneTimeTokenForRuntime"]
    assert token["token"] == json.loads(base64.b64decode(token["rawEncoded"]))["token"]
    registered = await caller.admin('mutation { registerApplication(in: {name: "shop"}) { id } }')
    app = registered["registerApplication"]["id"]
    for each, kind in ((runtime, "RUNTIME"), (app, "APPLICATION")):
        await caller.admin(f'mutation {{ assignFormation(objectID: "{each}", objectType: {kind}, '
                           'formation: {name: "f"}) { name } }')  # fmt: skip
    assert [app] == [each.id for each in caller.compass.world.seen_by(caller.compass.world.runtimes[runtime])]


def schema(name: str) -> GraphQLSchema:
    """Return the real schema, where it is at hand."""
    path = SDL / f"{name}.graphql"
    if not path.exists():
        pytest.skip("the schemas of Compass are not at hand")
    return build_schema(path.read_text())


@pytest.mark.parametrize(
    ("name", "documents"), [("director", queries.OF_DIRECTOR), ("connector", queries.OF_CONNECTOR)]
)
def test_every_document_that_is_sent_fits_the_real_schema(name: str, documents: tuple[str, ...]) -> None:
    """And that of the double."""
    own = build_schema((HERE / f"{name}.graphql").read_text())
    for document in documents:
        assert [] == validate(own, parse(document))
        assert [] == validate(schema(name), parse(document))


@pytest.mark.parametrize("name", ["director", "connector"])
def test_the_doubles_schema_is_a_part_of_the_real_one(name: str) -> None:
    """Each of its fields has the real type, and its arguments are real ones."""
    real, own = schema(name), build_schema((HERE / f"{name}.graphql").read_text())
    for type_name, own_type in own.type_map.items():
        if type_name.startswith("__") or not isinstance(own_type, GraphQLObjectType):
            continue
        real_type = real.type_map[type_name]
        assert isinstance(real_type, GraphQLObjectType)
        for field, definition in own_type.fields.items():
            assert str(real_type.fields[field].type) == str(definition.type), f"{type_name}.{field}"
            for argument, given in definition.args.items():
                assert str(real_type.fields[field].args[argument].type) == str(given.type), f"{type_name}.{field}"
