"""A connection profile that is wrong gets one clear message before anything is asked of anybody."""

from pathlib import Path

import pytest

from authops.graph.connection import CLOUDS, load
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
        (GOOD.replace("global", "mars"), "cloud is 'mars'"),
        (GOOD.replace("managed-identity", "password"), "credential is 'password'"),
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
