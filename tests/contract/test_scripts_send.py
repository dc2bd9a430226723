"""Requests as scripts send them (Microsoft's samples, audits, migrations, other tools): each is answered as documented,
or 501 names it; none is refused in Graph's words for what merely is not here.
"""

import asyncio
import json
import re
from pathlib import Path

from authops.demo.world.roles import ROLES

PAGE = Path(__file__).parents[2] / "docs" / "demo-tenant.md"
ASKED = Path(__file__).with_name("scripts_send.txt").read_text("utf-8").splitlines()
LINE = re.compile(r"(?:(4\d\d) )?(E )?(?:(POST|PATCH|PUT|DELETE) )?(.+?)(?: ~ (.+))?")
PERMISSIONS = [
    "User.ReadWrite.All", "UserAuthenticationMethod.ReadWrite.All", "AuditLog.Read.All", "Policy.Read.All",
    "Policy.ReadWrite.AuthenticationMethod", "Group.Read.All", "RoleManagement.Read.Directory", "Domain.Read.All",
    "LicenseAssignment.Read.All", "Directory.ReadWrite.All", "Organization.Read.All",
    "IdentityRiskyUser.Read.All",
]  # fmt: skip


def test_whatever_scripts_send_is_served_or_named(inside_door) -> None:
    door = inside_door
    assert door.call("POST", "/_demo/reset").status_code == 200
    token = door.world.login.issue_token(permissions=PERMISSIONS)
    finn = door.state()["Finn Full"]
    known = {
        "u": finn["id"], "upn": finn["userPrincipalName"], "h": door.user("Hugo Admin"),
        "g": door.call("GET", "/groups").json()["value"][0]["id"], "ga": ROLES["Global Administrator"],
        "app": door.world.tenant.meta["client_id"], "t": door.world.tenant.meta["tenant_id"],
    }  # fmt: skip

    async def ask(client, line: str) -> str:
        status, eventual, verb, address, body = LINE.fullmatch(line).groups()
        for name, value in known.items():
            address = address.replace(f"{{{name}}}", value)
        where = address if address.startswith("/beta/") else f"/v1.0{address}"
        headers = {"ConsistencyLevel": "eventual"} if eventual else {}
        answer = await client.request(verb or "GET", where, headers=headers, json=json.loads(body) if body else None)
        expected = {int(status)} if status else {200, 201, 204, 501}
        named = answer.status_code != 501 or "demo tenant does not implement" in answer.json()["error"]["message"]
        return "" if answer.status_code in expected and named else f"{answer.status_code} {line}"

    async def everything() -> list[str]:
        async with door.client(token) as client:
            lines = [line for line in ASKED if line and not line.startswith("#")]
            return [wrong for line in lines if (wrong := await ask(client, line))]

    assert asyncio.run(everything()) == []


def test_what_the_page_says_is_not_here_is_named(inside_door) -> None:
    door, listed = (
        inside_door,
        PAGE.read_text("utf-8").split("<!-- not here -->")[1].split("<!-- end of not here -->")[0],
    )
    token = door.world.login.issue_token(permissions=PERMISSIONS)
    wrong = []
    for line in filter(None, map(str.strip, listed.splitlines())):
        verb, _, template = line.partition(" ")
        address = template.replace("{}", door.user("Ada Empty"))
        whole = address if address.startswith("/beta/") else f"/v1.0{address}"
        answer = door.call(verb, f"{door.root}{whole}", token)
        if answer.status_code != 501 or address.rpartition("/")[2] not in answer.json()["error"]["message"]:
            wrong.append(f"{answer.status_code} {line}")
    assert wrong == []
    assert len(listed.split()) > 40
