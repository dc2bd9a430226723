"""A connection profile that is wrong gets one clear message before anything is asked of anybody."""

from pathlib import Path

import pytest
import yaml

from authops.graph.connection import CLOUDS, credential_of, load
from authops.words.errors import ConnectionProfileError

ID = "00000000-1111-2222-3333-444444444444"
GOOD = f"cloud: global\ntenant_id: {ID}\nclient_id: {ID}\ncredential: managed-identity\n"


def profile(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_every_cloud_has_its_own_graph_and_login(tmp_path: Path, cloud: str) -> None:
    got = load(profile(tmp_path, GOOD.replace("global", cloud)))
    assert (got.graph_url, got.authority_url) == CLOUDS[cloud]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + "tennant_id: x\n", "unknown key 'tennant_id'"),
        (GOOD + "graph_url: https://a.test\n", "unknown key 'graph_url'"),
        (GOOD + "client_secret: hunter2hunter2\n", "looks like a secret"),
        (GOOD + "certificate_password: hunter2\n", "looks like a secret"),
        (GOOD.replace(ID, "eyJhbGciOiJQUzI1NiIsInR5cCI6.x.y", 1), "looks like a secret"),
        (GOOD.replace(ID, "Ab8~Q1234567890abcdefghijklmnopqrstuvw", 1), "looks like a secret"),
        (GOOD.replace("global", "mars"), "cloud is something else"),
        (GOOD.replace("managed-identity", "password"), "credential is something else"),
        (GOOD.replace("global", "globall"), "cloud is 'globall'"),
        (GOOD.replace("managed-identity", "certificate"), "lacks certificate_path"),
        (GOOD.replace("managed-identity", "certificate") + "certificate_path: gone.pem\n", "is not a file"),
        (GOOD.replace(ID, "contoso", 1), "tenant_id is neither"),
        (GOOD.replace("global", "custom") + "graph_url: http://a.test\nauthority_url: https://a.test\n", "https"),
        ("cloud: [", "not valid YAML"),
        ("", "is empty"),
    ],
)
def test_a_wrong_profile_is_named_and_no_secret_repeated(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConnectionProfileError, match=said) as caught:
        load(profile(tmp_path, text))
    assert "mine.yaml" in str(caught.value)
    assert not any(word in str(caught.value) for word in ("hunter2", "eyJhbGci", "Ab8~Q"))


def test_an_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(ConnectionProfileError, match=r"no connection 'nobody'[\s\S]*demo"):
        load("nobody")


PASTED = ("Tr0ub4dor&3", "hunter2", "P4ss$word", "/s3cret.W0rd", "Sommer.2026", "${hunter2}", "Xy7/aB+c9==")
CERTIFICATE = {
    "cloud": "custom", "tenant_id": ID, "client_id": ID, "credential": "certificate", "certificate_path": "app.pem",
    "graph_url": "https://a.test", "authority_url": "https://b.test", "certificate_password_env": "",
}  # fmt: skip


@pytest.mark.parametrize("secret", PASTED)
def test_a_secret_in_the_wrong_place_is_repeated_by_no_message(tmp_path: Path, secret: str) -> None:
    (tmp_path / "app.pem").touch()
    fields = (*CERTIFICATE, "ca_bundle", "client_secret_env", "certificate_password", "secret")
    said = {}
    for field in fields:
        with pytest.raises(ConnectionProfileError) as caught:
            credential_of(load(profile(tmp_path, yaml.safe_dump(CERTIFICATE | {field: secret}))))
        said[field] = str(caught.value)
    with pytest.raises(ConnectionProfileError) as caught:
        load(profile(tmp_path, yaml.safe_dump(CERTIFICATE | {secret: "x"})))
    with pytest.raises(ConnectionProfileError) as unknown:
        load(secret)
    told = said | {"as a key": str(caught.value), "as a name": str(unknown.value)}
    assert [field for field, words in told.items() if secret.strip("${}/") in words] == []
