"""What Graph itself should do: asked of the demo tenant always, and of a real disposable tenant when one is named.

`AUTHOPS_CONTRACT_CONNECTION` names a connection profile (global, usgov or custom cloud), `AUTHOPS_CONTRACT_USER` the
object id of a person there who has no phone and no e-mail method, and who may be written to. `test_unconfirmed_…`
says what nobody has confirmed: a failure there is news, and an assumption to change.
"""

import os
import ssl
import time

import httpx
import pytest

from authops.demo.world.assumptions import Assumptions
from authops.graph import connection

MOBILE, ALTERNATE = "3179e48a-750b-4051-897c-87b9720928f7", "b6332ec1-7057-4abe-9331-3d72feddfe41"
REAL = os.environ.get("AUTHOPS_CONTRACT_CONNECTION")
FIRST, SECOND = "+1 2065550100", "+1 2065550101"


class Place:
    """Graph at one address, as one application, and the person to try things on."""

    def __init__(self, profile: connection.Connection, user: str) -> None:
        token = connection.credential_of(profile).get_token(connection.scope(profile)).token
        self.client = httpx.Client(
            base_url=f"{profile.graph_url}/v1.0",
            headers={"Authorization": f"Bearer {token}"},
            verify=ssl.create_default_context(cafile=profile.ca_bundle or None),
            timeout=60,
        )
        self.user = user
        self.phones = f"/users/{user}/authentication/phoneMethods"

    def ask(self, method: str, path: str, **options: object) -> httpx.Response:
        return self.client.request(method, path, **options)

    def numbers(self) -> dict[str, str]:
        return {row["phoneType"]: row["phoneNumber"] for row in self.ask("GET", self.phones).json()["value"]}

    def until(self, wanted: dict[str, str]) -> None:
        """Reads lag behind writes."""
        end = time.monotonic() + 60
        while self.numbers() != wanted:
            assert time.monotonic() < end, f"{self.numbers()} is not {wanted}"

    def add(self, kind: str, number: str) -> httpx.Response:
        return self.ask("POST", self.phones, json={"phoneNumber": number, "phoneType": kind})


@pytest.fixture(params=["demo", "real"])
def place(request, https):
    if request.param == "demo":
        profile = connection.load(str(https.home / "connection.yaml"))
        door = request.getfixturevalue("https_door")
        door.call("POST", "/_demo/reset")
        found = Place(profile, door.user("Ada Empty"))
    elif REAL:
        found = Place(connection.load(REAL), os.environ["AUTHOPS_CONTRACT_USER"])
    else:
        pytest.skip("no real tenant is named by AUTHOPS_CONTRACT_CONNECTION")
    yield found
    for method_id in (ALTERNATE, MOBILE):
        found.ask("DELETE", f"{found.phones}/{method_id}")
    found.client.close()


def test_a_phone_is_added_changed_and_removed(place) -> None:
    added = place.add("mobile", FIRST)
    assert (added.status_code, added.json()["id"]) == (201, MOBILE)
    place.until({"mobile": FIRST})
    changed = place.ask("PATCH", f"{place.phones}/{MOBILE}", json={"phoneNumber": SECOND, "phoneType": "mobile"})
    assert (changed.status_code, changed.content) == (204, b"")
    place.until({"mobile": SECOND})
    assert place.ask("DELETE", f"{place.phones}/{MOBILE}").status_code == 204
    place.until({})


def test_alternate_goes_before_mobile(place) -> None:
    assert place.add("mobile", FIRST).status_code == 201
    place.until({"mobile": FIRST})
    assert place.add("alternateMobile", SECOND).status_code == 201
    place.until({"mobile": FIRST, "alternateMobile": SECOND})
    refused = place.ask("DELETE", f"{place.phones}/{MOBILE}")
    assert refused.status_code == 400
    assert place.numbers() == {"mobile": FIRST, "alternateMobile": SECOND}


def test_a_batch_of_more_than_twenty_is_refused(place) -> None:
    asked = [{"id": str(n), "method": "GET", "url": place.phones} for n in range(21)]
    assert place.ask("POST", "/$batch", json={"requests": asked}).status_code == 400


def test_a_page_of_a_thousand_is_refused(place) -> None:
    refused = place.ask("GET", "/users?$top=1000")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "Request_BadRequest")


def test_the_report_holds_no_numbers(place) -> None:
    page = place.ask("GET", "/reports/authenticationMethods/userRegistrationDetails?$top=5")
    assert page.status_code == 200
    assert "+" not in "".join(str(row["methodsRegistered"]) for row in page.json()["value"])


def refusal(place, answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_unconfirmed_post_of_an_existing_type(place) -> None:
    place.add("mobile", FIRST)
    place.until({"mobile": FIRST})
    assert refusal(place, place.add("mobile", SECOND)) == Assumptions().refusal("post_existing_type")


def test_unconfirmed_alternate_without_mobile(place) -> None:
    assert refusal(place, place.add("alternateMobile", FIRST)) == Assumptions().refusal("alternate_without_mobile")


def test_unconfirmed_malformed_number(place) -> None:
    assert refusal(place, place.add("mobile", "12")) == Assumptions().refusal("malformed_number")


def test_unconfirmed_method_that_is_not_registered(place) -> None:
    answer = place.ask("GET", f"{place.phones}/{MOBILE}")
    assert refusal(place, answer) == Assumptions().refusal("method_not_found")


def test_unconfirmed_number_without_space(place) -> None:
    assert place.add("mobile", FIRST.replace(" ", "")).status_code == 201
    place.until({"mobile": FIRST})
