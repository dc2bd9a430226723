"""Batches, pages, queries, weather: what travels, through both doors."""

from tests.contract.test_rules import MOBILE, phones


def get(number, url, **more):
    return {"id": str(number), "method": "GET", "url": url, **more}


def test_batch_answers_all_in_any_order(door):
    answer = door.batch(*(get(n, "/users?$top=1") for n in range(20)))
    ids = [r["id"] for r in answer.json()["responses"]]
    assert answer.status_code == 200
    assert sorted(ids, key=int) == [str(n) for n in range(20)]
    assert ids != sorted(ids, key=int)


def test_batch_limit(door):
    refused = door.batch(*(get(n, "/users") for n in range(21)))
    assert refused.status_code == 400
    assert refused.json()["error"]["message"] == "Number of requests inside batch exceed the limit"


def test_batch_ids_are_unique_ignoring_case(door):
    assert door.batch(get("a", "/users"), get("A", "/users")).status_code == 400


def test_batch_body_needs_content_type(door):
    url = phones(door, "Ada Empty")
    request = {"id": "1", "method": "POST", "url": url, "body": {"phoneNumber": "+31 612345678", "phoneType": "mobile"}}
    assert door.batch(request).status_code == 400
    request["headers"] = {"Content-Type": "application/json"}
    assert door.batch(request).json()["responses"][0]["status"] == 201


def test_batch_failed_dependency_is_424(door):
    answer = door.batch(get(1, "/users/nobody"), get(2, "/users", dependsOn=["1"]))
    assert {r["id"]: r["status"] for r in answer.json()["responses"]} == {"1": 404, "2": 424}


def test_batch_is_parallel_or_one_sequence(door):
    refused = door.batch(get(1, "/users"), get(2, "/users"), get(3, "/users", dependsOn=["1"]))
    assert "fully sequential or fully parallel" in refused.json()["error"]["message"]
    assert door.batch(get(1, "/users", dependsOn=["2"]), get(2, "/users")).status_code == 400


def test_pages_reach_every_user_once(door):
    seen, link = [], "/users?$top=40&$select=id"
    while link:
        body = door.call("GET", link).json()
        seen += [u["id"] for u in body["value"]]
        link = body.get("@odata.nextLink")
    assert len(seen) == len(set(seen)) == 150


def test_page_size_text(door):
    refused = door.call("GET", "/users?$top=1000")
    expected = "Invalid page size specified: '1000'. Must be between 1 and 999 inclusive."
    assert (refused.status_code, refused.json()["error"]["message"]) == (400, expected)
    assert len(door.call("GET", "/users").json()["value"]) == 100


def test_header_is_needed_on_every_page(door):
    eventual = {"ConsistencyLevel": "eventual"}
    first = door.call("GET", "/users?$count=true&$top=50", headers=eventual).json()
    assert first["@odata.count"] == 150
    assert door.call("GET", first["@odata.nextLink"]).status_code == 400
    assert "@odata.count" not in door.call("GET", first["@odata.nextLink"], headers=eventual).json()


def test_filters(door):
    known = door.call("GET", "/_demo/state").json()["users"]
    found = door.call("GET", "/users?$filter=accountEnabled eq false and userType eq 'Member'&$select=id").json()[
        "value"
    ]
    wanted = {u["id"] for u in known if not u["accountEnabled"] and u["userType"] == "Member" and not u["deleted"]}
    assert {u["id"] for u in found} == wanted
    assert door.call("GET", "/users?$filter=startswith(displayName,'ada e')").json()["value"]
    refused = door.call("GET", "/users?$filter=accountEnabled ne true")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "Request_UnsupportedQuery")


def test_skip_and_expand(door):
    assert door.call("GET", "/users?$skip=1").status_code == 400
    assert door.call("GET", "/users?$expand=manager($levels=max)").status_code == 501


def test_report_has_no_disabled_users_and_no_numbers(door):
    answer = door.call("GET", "/reports/authenticationMethods/userRegistrationDetails?$top=999")
    names = {r["userDisplayName"] for r in answer.json()["value"]}
    assert "Ben Mobile" in names
    assert not names & {"Ivy Disabled", "Nora Gone"}
    assert "612340001" not in answer.text


def test_report_filter_on_methods(door):
    path = "/reports/authenticationMethods/userRegistrationDetails?$filter=methodsRegistered/any(t: t eq 'email')"
    rows = door.call("GET", path).json()["value"]
    assert rows
    assert all("email" in r["methodsRegistered"] for r in rows)


def test_answered_500_but_did_it(door):
    weather = {"fault_rate": 1.0, "faults": ["inner-effect-then-500"], "most": 1}
    url = f"{phones(door, 'Ben Mobile')}/{MOBILE}"
    try:
        door.call("PUT", "/_demo/weather", json=weather)
        assert door.call("DELETE", url).status_code == 500
        assert door.phones("Ben Mobile") == {}
    finally:
        door.call("PUT", "/_demo/weather", json={"fault_rate": 0.0, "most": None})


def test_inner_429_carries_its_own_retry_after(door):
    weather = {"fault_rate": 1.0, "faults": ["inner-429-fraction"], "most": 1, "retry_after": 2}
    try:
        door.call("PUT", "/_demo/weather", json=weather)
        answer = door.batch(get(1, "/users?$top=1"), get(2, "/users?$top=1"))
    finally:
        door.call("PUT", "/_demo/weather", json={"fault_rate": 0.0, "most": None})
    limited = [r for r in answer.json()["responses"] if r["status"] == 429]
    assert answer.status_code == 200
    assert [r["headers"]["Retry-After"] for r in limited] == ["2.128"]
    inner = limited[0]["body"]["error"]["innerError"]
    assert (inner["code"], inner["message"], inner["status"]) == ("429", "Please retry after", "429")


def test_reads_may_lag_behind_writes(door):
    try:
        door.call("PUT", "/_demo/weather", json={"lag": 3600})
        door.call("DELETE", f"{phones(door, 'Ben Mobile')}/{MOBILE}")
        assert door.phones("Ben Mobile")
    finally:
        door.call("PUT", "/_demo/weather", json={"lag": 0})
    assert door.phones("Ben Mobile") == {}


def test_log_holds_inner_and_outer(door):
    door.call("DELETE", "/_demo/log")
    door.batch(get(1, "/users/x/authentication/phoneMethods"))
    rows = door.call("GET", "/_demo/log").json()["requests"]
    assert [(r["path"], r["status"]) for r in rows] == [("/users/x/authentication/phoneMethods", 404), ("/$batch", 200)]
    assert rows[0]["batch"]
    assert rows[0]["user"] == "x"
