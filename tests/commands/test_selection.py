"""Which kind a document means, and which documents are skipped with a reason."""

import pytest

from hub.commands.selection import kind_named, kind_of
from hub.kernel.errors import HubError, InvalidInput
from hub.registry.kinds import APPLICATION, KINDS


def document(version: str, kind: str) -> dict[str, object]:
    """Return a document of a kind."""
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "x"}}


def test_a_kind_is_found_by_version_and_name() -> None:
    """Kyma's own manifests find their kind."""
    assert kind_of(KINDS, document("applicationconnector.kyma-project.io/v1alpha1", "Application")) is APPLICATION


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("v1", "Namespace"), ("v1", "ServiceAccount"), ("v1", "Service"), ("apps/v1", "Deployment"),
        ("apps/v1", "StatefulSet"), ("batch/v1", "CronJob"), ("batch/v1beta1", "CronJob"),
        ("v1", "PersistentVolumeClaim"), ("rbac.authorization.k8s.io/v1", "Role"),
        ("networking.istio.io/v1beta1", "VirtualService"), ("dns.gardener.cloud/v1alpha1", "DNSEntry"),
        ("app.k8s.io/v1beta1", "Application"), ("applicationconnector.kyma-project.io/v1alpha1", "TokenRequest"),
        ("gateway.kyma-project.io/v1beta1", "APIRule"),
    ],
)  # fmt: skip
def test_kinds_without_use_are_skipped_with_the_reason(version: str, kind: str) -> None:
    """What published manifests bring along and the hub does not need is named, not refused."""
    assert isinstance(kind_of(KINDS, document(version, kind)), str)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (document("applicationconnector.kyma-project.io/v1alpha1", "Aplication"), "kind"),
        (document("applicationconnector.kyma-project.io/v1", "Application"), "apiVersion"),
        (document("v1", "Sekret"), "kind"),
        (document("acme.test/v1", "Thing"), "kind"),
        ({"kind": "Application"}, "apiVersion"),
        ({"apiVersion": "v1"}, "kind"),
        ({"apiVersion": ["v1"], "kind": "Secret"}, "apiVersion"),
        (["x"], ""),
        ("x", ""),
    ],
)
def test_an_unknown_kind_is_refused_with_the_path(given: object, field: str) -> None:
    """A misspelt kind or an unknown version is refused, not skipped."""
    with pytest.raises(HubError) as caught:
        kind_of(KINDS, given)
    assert caught.value.fields["field"] == field


@pytest.mark.parametrize("word", ["application", "Application", "applications", "app"])
def test_people_name_a_kind_in_any_way(word: str) -> None:
    """Kind, plural and short name mean the same."""
    assert kind_named(KINDS, word) is APPLICATION


def test_an_unknown_word_is_refused_with_what_there_is() -> None:
    """The refusal lists the kinds."""
    with pytest.raises(InvalidInput, match="applications, configmaps, secrets"):
        kind_named(KINDS, "pods")
