"""The directory audit log: two records for a change, late, filtered; and who did it."""

import time

import pytest

MOBILE = "3179e48a-750b-4051-897c-87b9720928f7"
AUDITS = "/auditLogs/directoryAudits"


@pytest.fixture
def weather(door):
    def change(**settings):
        assert door.call("PUT", "/_demo/weather", json=settings).status_code == 200

    yield change
    change(audit_lag=0.0, fault_rate=0.0)


def write(door, name: str, number: str = "+31 612345678", **options) -> str:
    user = door.user(name)
    wanted = {"phoneNumber": number, "phoneType": "mobile"}
    answer = door.call("POST", f"/users/{user}/authentication/phoneMethods", json=wanted, **options)
    assert answer.status_code == 201, answer.text
    return user


def test_one_change_is_two_records_with_the_numbers(door) -> None:
    user = write(door, "Ada Empty", headers={"client-request-id": "11111111-2222-3333-4444-555555555555"})
    core, own = door.call("GET", AUDITS).json()["value"]
    assert (own["loggedByService"], own["activityDisplayName"]) == (
        "Authentication Methods",
        "Admin registered security info",
    )
    assert (core["loggedByService"], core["activityDisplayName"]) == ("Core Directory", "Update user")
    assert core["initiatedBy"]["app"]["displayName"] == "Azure MFA StrongAuthenticationService"
    assert own["resultReason"] == "Admin registered phone method for user"
    assert own["targetResources"][0]["id"] == core["targetResources"][0]["id"] == user
    values = [(v["oldValue"], v["newValue"]) for v in own["targetResources"][0]["modifiedProperties"]]
    assert values == [(None, MOBILE), (None, "mobile phone"), (None, "+31 612345678")]


def test_changes_and_removals_have_their_own_words(door) -> None:
    user = write(door, "Ada Empty")
    phone = f"/users/{user}/authentication/phoneMethods/{MOBILE}"
    assert door.call("PATCH", phone, json={"phoneNumber": "+31 612345679"}).status_code == 204
    assert door.call("DELETE", phone).status_code == 204
    own = door.call("GET", f"{AUDITS}?$filter=loggedByService eq 'Authentication Methods'").json()["value"]
    assert [row["activityDisplayName"] for row in own] == [
        "Admin deleted security info",
        "Admin updated security info",
        "Admin registered security info",
    ]
    changed = own[1]["targetResources"][0]["modifiedProperties"][2]
    assert (changed["oldValue"], changed["newValue"]) == ("+31 612345678", "+31 612345679")


def test_a_refused_write_leaves_no_record_and_a_failed_one_that_happened_does(door, weather) -> None:
    user = door.user("Ada Empty")
    phones = f"/users/{user}/authentication/phoneMethods"
    assert door.call("POST", phones, json={"phoneNumber": "12", "phoneType": "mobile"}).status_code == 400
    assert door.call("GET", AUDITS).json()["value"] == []
    weather(fault_rate=1.0, faults=["inner-effect-then-500"], match="phoneMethods")
    assert door.call("POST", phones, json={"phoneNumber": "+31 612345678", "phoneType": "mobile"}).status_code == 500
    weather(fault_rate=0.0)
    assert len(door.call("GET", AUDITS).json()["value"]) == 2


@pytest.mark.parametrize(
    ("clause", "count"),
    [
        ("loggedByService eq 'Authentication Methods'", 3),
        ("loggedByService eq 'Core Directory'", 3),
        ("targetResources/any(t: t/id eq '{user}')", 2),
        ("targetResources/any(t:t/displayName eq 'Ada Empty')", 2),
        ("initiatedBy/user/userPrincipalName eq 'helpdesk@contoso.example'", 1),
        ("startsWith(activityDisplayName,'Admin registered')", 3),
        ("activityDateTime ge 2020-01-01T00:00:00Z and activityDateTime le 2099-01-01T00:00:00Z", 6),
        ("activityDateTime le 2020-01-01T00:00:00Z", 0),
        ("correlationId eq '11111111-2222-3333-4444-555555555555'", 2),
        ("activityDisplayName eq 'Update user'", 3),
    ],
)
def test_filters(door, clause: str, count: int) -> None:
    user = write(door, "Ada Empty", headers={"client-request-id": "11111111-2222-3333-4444-555555555555"})
    write(door, "Milo Wants", "+31 612345670")
    theirs = {"user": "svc.backup@contoso.example", "phoneType": "mobile", "phoneNumber": "+31 612345671"}
    answer = door.call("POST", "/_demo/staff", json={"phone": [theirs | {"by": "helpdesk@contoso.example"}]})
    assert answer.status_code == 200, answer.text
    found = door.call("GET", f"{AUDITS}?$filter={clause.format(user=user)}")
    assert found.status_code == 200, found.text
    assert len(found.json()["value"]) == count


def test_a_filter_by_what_no_record_has_is_refused_and_by_what_no_page_tells_of_is_named(door) -> None:
    assert door.call("GET", f"{AUDITS}?$filter=mood eq 'success'").status_code == 400
    for text in ("result eq 'success'", "activityDisplayName ne 'Update user'"):
        assert door.call("GET", AUDITS, params={"$filter": text}).status_code == 501


def test_records_are_selected(door) -> None:
    write(door, "Ada Empty", "+31 612345678")
    rows = door.call("GET", f"{AUDITS}?$select=ID,activityDisplayName").json()["value"]
    assert [set(row) for row in rows] == [{"id", "activityDisplayName"}] * 2
    assert door.call("GET", f"{AUDITS}?$select=mood").status_code == 400


def test_pages_lead_through_all_records_newest_first(door) -> None:
    for number in range(3):
        write(door, ("Ada Empty", "Milo Wants", "Svc Backup")[number], f"+31 61234567{number}")
    found, url = [], f"{AUDITS}?$top=4"
    while url:
        page = door.call("GET", url.replace(f"{door.root}/v1.0", "")).json()
        found += page["value"]
        url = page.get("@odata.nextLink", "")
    assert [row["targetResources"][0]["displayName"] for row in found[::2]] == ["Svc Backup", "Milo Wants", "Ada Empty"]
    assert len({row["id"] for row in found}) == 6


def test_records_come_late(door, weather) -> None:
    weather(audit_lag=0.6)
    begun = time.monotonic()
    write(door, "Ada Empty")
    if time.monotonic() - begun < 0.4:
        assert door.call("GET", AUDITS).json()["value"] == []
    while not door.call("GET", AUDITS).json()["value"]:
        assert time.monotonic() - begun < 10
    assert time.monotonic() - begun >= 0.6


def test_assumes_the_correlation_repeats_the_client_request_id(door) -> None:
    door.assume(audit_correlation="request-id")
    write(door, "Ada Empty", headers={"client-request-id": "11111111-2222-3333-4444-555555555555"})
    (sent,) = [row for row in door.call("GET", "/_demo/log").json()["requests"] if row["method"] == "POST"][-1:]
    assert door.call("GET", AUDITS).json()["value"][0]["correlationId"] == sent["request_id"]


def test_it_needs_its_permission(world) -> None:
    import asyncio

    import httpx

    async def refused() -> httpx.Response:
        token = world.login.issue_token()
        kind = {"transport": httpx.ASGITransport(world.app), "base_url": world.login.roots[0]}
        async with httpx.AsyncClient(**kind, headers={"Authorization": f"Bearer {token}"}) as client:
            return await client.get(f"/v1.0{AUDITS}")

    granted = world.login.registration.permissions
    world.login.grant(["User.Read.All"])
    try:
        answer = asyncio.run(refused())
    finally:
        world.login.grant(list(granted))
    assert answer.status_code == 403
