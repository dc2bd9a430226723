"""Which application permissions each runbook needs of Graph, and what it cannot do without one.

Source: the permissions reference, least first; either the granular permission or the broad one is accepted, since
Microsoft's pages disagree which of them is least.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from authops.methods.kinds import KINDS, values


@dataclass(frozen=True)
class Need:
    """One thing a runbook does, and the permissions of which any one opens it; the first is the one to ask for.

    `without` says what it does not do otherwise; "" means that the runbook cannot work at all. `rarely`: only for a
    parameter that few use, so nobody is warned.
    """

    what: str
    any_of: tuple[str, ...]
    without: str = ""
    rarely: bool = False

    @property
    def ask(self) -> str:
        """The permission to ask for."""
        return self.any_of[0]


_DIRECTORY: Final = ("Directory.Read.All", "Directory.ReadWrite.All")


def _kinds(verb: str) -> tuple[Need, ...]:
    """To read or write each sort of method; a runbook does nothing without second factors, and little less without
    the others.
    """
    found = {}
    for kind in (KINDS[name] for name in values()):
        less = (
            f"a column {kind.name.capitalize()} cannot be judged"
            if verb == "read"
            else f"changes of {kind.sort} are rejected"
        )
        any_of = kind.reads if verb == "read" else kind.writes
        found[kind.sort] = Need(f"{verb} {kind.sort}", any_of, "" if kind.factor else less)
    return tuple(found.values())


READS: Final = _kinds("read")
WRITES: Final = _kinds("write")
READ_PASSES: Final = Need("read Temporary Access Passes", KINDS["temporaryAccessPass"].reads)
WRITE_PASSES: Final = Need(
    "make Temporary Access Passes",
    KINDS["temporaryAccessPass"].writes,
    "a plan of passes is refused by Graph, pass by pass",
    rarely=True,
)
RISK: Final = Need(
    "see who is at risk",
    ("IdentityRiskyUser.Read.All", "IdentityRiskyUser.ReadWrite.All"),
    "nobody is held for being at risk",
    rarely=True,
)
PEOPLE: Final = Need("read people", ("User.Read.All", "User.ReadWrite.All", *_DIRECTORY))
REPORT: Final = Need("read the registration report", ("AuditLog.Read.All",))
ADMINS: Final = Need(
    "see who is an administrator",
    ("RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory", "RoleManagement.Read.All"),
    "a guard stops every plan, unless allow_admins",
)
POLICY: Final = Need(
    "see which methods the policy allows",
    ("Policy.Read.AuthenticationMethod", "Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod"),
    "a guard stops every plan, unless allow_unusable",
)
GROUPS: Final = Need(
    "see who is in a group",
    ("GroupMember.Read.All", "GroupMember.ReadBasic.All", "Group.Read.All", "Group.ReadWrite.All", *_DIRECTORY),
    "a group in protect_groups or with a role stops the plan; whom the policy means by a group is held",
)
DEFAULTS: Final = Need(
    "foresee removals of a default method", (REPORT.ask,), "Graph refuses them when they are applied"
)
WITNESS: Final = Need("read the audit log", (REPORT.ask,), "no second witness of what was written")
MADE: Final = replace(
    WITNESS, without="whether a copy of the plan was applied and taken back is not known, and goes unnoticed"
)
LICENCES: Final = Need(
    "read the tenant's licences",
    ("Organization.Read.All", "LicenseAssignment.Read.All", *_DIRECTORY),
    "scope_licence cannot be used",
    rarely=True,
)

SHOW_LICENCES: Final = replace(LICENCES, without="licences are shown by their ids", rarely=False)
SHOW_ADMINS: Final = replace(ADMINS, without="the report alone says who is an administrator, not who is eligible")
IN_SCOPE: Final = replace(READS[0], what="read the phones of a scope", without="no scope can be read", rarely=True)
GROUP_IN_SCOPE: Final = replace(GROUPS, without="no scope can be a group", rarely=True)
CAMPAIGN: Final = replace(POLICY, what="read the campaign, and whether the tenant opted out (beta)", without="")
WRITE_CAMPAIGN: Final = Need(
    "change the campaign, and opt out (beta)",
    ("Policy.ReadWrite.AuthenticationMethod",),
    "dry runs only; a change is refused",
)
CAMPAIGN_GROUPS: Final = replace(
    GROUPS, without="of whom a target means by a group, it is not known whether they are asked"
)
STANDING_POLICY: Final = replace(
    POLICY, without="whom the policy lets use what, the campaign, and whether the tenant opted out are not known"
)
STANDING_GROUPS: Final = replace(GROUPS, without="of whom the policy means by a group, that is not known")
STANDING_ADMINS: Final = replace(
    ADMINS, without="the report alone says who is an administrator, and nobody is known to be later than the others"
)
STANDING_METHODS: Final = Need(
    "read all methods of phone owners and of whom the report leaves out",
    ("UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All"),
    "the report's word stands, which is hours behind; whom it leaves out is not known",
)
STANDING_REPORT: Final = replace(REPORT, without="everybody is read one by one, and last sign-ins are not known")

HOLDERS: Final = Need(
    "see who has a method that lasts",
    ("UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All"),
    "everybody is held, unless on_registered: allow",
)
HELD: Final = Need(
    "read all that a person holds, with its default method",
    ("UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All"),
)
SEEN: Final = Need(
    "see when somebody signed in last",
    (REPORT.ask,),
    "nobody is known to have left: leavers_after takes nothing",
    rarely=True,
)
COVERED: Final = Need(
    "see whom Conditional Access asks, and per-user MFA (beta)",
    ("Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod"),
    "per_user_mfa_off takes nothing",
    rarely=True,
)
COVERED_NOW: Final = replace(COVERED, without="per-user MFA is not switched off, since nobody is seen to be asked")
REMOVE: Final = Need(
    "remove methods of every kind",
    ("UserAuthenticationMethod.ReadWrite.All",),
    "a clean-up can take phones and addresses only; the narrower permission of each kind opens it too",
    rarely=True,
)
SET_MFA: Final = Need(
    "switch per-user MFA off (beta)", KINDS["perUserMfaState"].writes, "Graph refuses those changes", rarely=True
)
REVOKE: Final = Need(
    "revoke sessions", KINDS["signInSessions"].writes, "Graph refuses it, person by person", rarely=True
)
_JUDGE: Final = (PEOPLE, *READS, ADMINS, POLICY, GROUPS, DEFAULTS)
NEEDS: Final[Mapping[str, tuple[Need, ...]]] = {
    "tour": (),
    "story": (),
    "audit": (PEOPLE, REPORT, SHOW_ADMINS, SHOW_LICENCES, IN_SCOPE, GROUP_IN_SCOPE),
    "preview": (*_JUDGE, LICENCES),
    "apply": (
        PEOPLE,
        *WRITES,
        WRITE_PASSES,
        REMOVE,
        SET_MFA,
        REVOKE,
        COVERED_NOW,
        ADMINS,
        POLICY,
        GROUPS,
        DEFAULTS,
        MADE,
    ),
    "verify": (*READS, WITNESS),
    "undo": _JUDGE,
    "campaign": (CAMPAIGN, PEOPLE, REPORT, CAMPAIGN_GROUPS, WRITE_CAMPAIGN),
    "retirement": (
        PEOPLE,
        STANDING_REPORT,
        STANDING_METHODS,
        STANDING_POLICY,
        STANDING_GROUPS,
        STANDING_ADMINS,
        SHOW_LICENCES,
    ),
    "passes": (PEOPLE, READ_PASSES, replace(POLICY, without=""), HOLDERS, ADMINS, GROUPS, RISK, LICENCES),
    "cleanup": (PEOPLE, HELD, ADMINS, GROUPS, SEEN, COVERED, LICENCES),
}
# The runbooks that ask anything of a tenant of one's own.
ASKING: Final = tuple(name for name, needs in NEEDS.items() if needs)
# Application role ids, as Graph's service principal lists them.
ROLE_IDS: Final = {
    "User.Read.All": "df021288-bdef-4463-88db-98f22de89214",
    "AuditLog.Read.All": "b0afded3-3588-46d8-8b3d-9842eff778da",
    "UserAuthenticationMethod.Read.All": "38d9df27-64da-44fd-b7c5-a6fbac20248f",
    "UserAuthenticationMethod.ReadWrite.All": "50483e42-d915-4231-9639-7fdb7fd190e5",
    "RoleManagement.Read.Directory": "483bed4a-2ad3-4361-a73b-c83ccdbdc53c",
    "Policy.Read.AuthenticationMethod": "8e3bc81b-d2f3-4b7b-838c-32c88218d2f0",
    "Policy.ReadWrite.AuthenticationMethod": "29c18626-4985-4dcd-85c0-193eef327366",
    "GroupMember.Read.All": "98830695-27a2-44f7-8c18-0c3ebc9698f6",
    "IdentityRiskyUser.Read.All": "dc5007c0-2d7d-4c42-879c-2dab87571379",
    "UserAuthMethod-TAP.Read.All": "bf82209c-b22b-4747-ac88-a68be99032cf",
    "UserAuthMethod-TAP.ReadWrite.All": "627169a8-8c15-451c-861a-5b80e383de5c",
    "User.RevokeSessions.All": "77f3a031-c388-4f99-b373-dc68676a979e",
    "Policy.Read.All": "246dd0d5-5bd0-4def-940b-0421030a5b68",
    "Organization.Read.All": "498476ce-e0fe-48b0-b801-37ba7e2685c6",
}


def granted(claims: Mapping[str, Any]) -> frozenset[str] | None:
    """What a token allows: its `roles` (an application), or its `scp` (a person); None when it does not say."""
    roles, scopes = claims.get("roles"), claims.get("scp")
    if roles is None and scopes is None:
        return None
    return frozenset([*(roles or ()), *str(scopes or "").split()])


def missing(runbook: str, allowed: Iterable[str]) -> list[Need]:
    """The needs of a runbook that none of these permissions opens."""
    have = frozenset(allowed)
    return [need for need in NEEDS.get(runbook, ()) if not need.rarely and not have & set(need.any_of)]


def said(runbook: str, lacking: Iterable[Need]) -> list[str]:
    """What is missing, a sentence each."""
    return [
        f"{runbook} cannot {need.what}: {need.without or 'it will not work'}; ask for {need.ask}" for need in lacking
    ]


def markdown() -> str:
    """The table as the documentation shows it, one line for each need of each runbook."""
    lines = ["| runbook | to | ask for | or | without it |", "|---|---|---|---|---|"]
    for runbook, needs in NEEDS.items():
        for need in needs:
            others = ", ".join(f"`{name}`" for name in need.any_of[1:])
            lines.append(
                f"| {runbook} | {need.what} | `{need.ask}` | {others} | {need.without or '**does not work**'} |"
            )
    return "\n".join(lines)
