"""What comes out of the retirement: the action list, and the files that other runbooks take as they are.

`register.csv` (2_preview) holds values of profiles, so it is for its owner only, like every source; nothing else here
has a number in it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pandas as pd

from authops.audit.export import csv_file
from authops.audit.retirement import STEPS
from authops.words.frames import CONTACTS, EXPOSURE, check
from authops.words.retirement import Dates

ACTIONS: Final = "action-list.csv"
REGISTER: Final = "register.csv"
PASSES: Final = "passes.csv"
PHONES: Final = "phones-that-may-go.csv"
CAMPAIGN: Final = "campaign-group.csv"
_LISTED: Final = {
    "user_principal_name": "UPN",
    "status": "Status",
    "blocked_from": "From",
    "next_step": "NextStep",
    "cohort": "Cohort",
    "admin": "Admin",
    "global_admin": "GlobalAdmin",
    "department": "Department",
    "country": "Country",
    "licences": "Licences",
    "phones": "Phones",
    "survivors": "WhatLasts",
    "default_method": "Default",
    "scope": "Scope",
    "reset": "PasswordReset",
    "campaign": "Campaign",
    "number_country": "NumberCountry",
    "last_sign_in": "LastSignIn",
    "phone_used": "PhoneUsed",
    "user_id": "Id",
}
# Entra's own template for members of a group in bulk.
_MEMBER: Final = "Member object ID or user principal name [memberObjectIdOrUpn] Required"
_REACHABLE: Final = ("not included", "campaign off")


def actions(exposed: pd.DataFrame) -> pd.DataFrame:
    """Everybody who needs something, the most urgent first, with what that is."""
    hit = check(exposed, EXPOSURE)[exposed["next_step"] != "nothing"]
    found = hit[list(_LISTED)].rename(columns=_LISTED)
    found.insert(4, "Meaning", hit["next_step"].map(STEPS))
    return found


def register(exposed: pd.DataFrame, contacts: pd.DataFrame, when: Dates, today: dt.date) -> pd.DataFrame:
    """Values of profiles that are worth registering, since profiles count no longer for password reset.

    An address lasts, so it comes first; a number helps who has no address, and only until its day.
    """
    lost = check(exposed, EXPOSURE)[exposed["reset"].isin(("lost", "profile only")) & (exposed["account"] == "enabled")]
    found = lost.merge(check(contacts, CONTACTS), on="user_id", how="inner")
    still = found["cohort"].map(lambda cohort: not when.of(cohort) or today.isoformat() < when.of(cohort)).astype(bool)
    number = (found["email"] == "") & (found["reset"] == "profile only") & still
    rows = pd.DataFrame({"UPN": found["user_principal_name"], "Mobile": found["mobile"].where(number, "")})
    rows["OfficePhone"] = found["office"].where(number & (found["mobile"] == ""), "")
    rows["Email"] = found["email"]
    return rows[(rows[["Mobile", "OfficePhone", "Email"]] != "").any(axis="columns")].reset_index(drop=True)


def passes(exposed: pd.DataFrame) -> pd.DataFrame:
    """Who needs a Temporary Access Pass; what is blank is the policy's own. Administrators are looked at first."""
    names = check(exposed, EXPOSURE).loc[exposed["next_step"] == "pass", "user_principal_name"]
    blank = dict.fromkeys(("Start", "LifetimeMinutes"), "")
    return pd.DataFrame({"UPN": names}).assign(**blank, Once="TRUE", Recipient="").reset_index(drop=True)


def phones_that_may_go(exposed: pd.DataFrame) -> pd.DataFrame:
    """Phones of people who have what lasts: blank, with ForcedRemoval, which removes them.

    Who was lately seen using one is left out: something better is there, and not in use yet.
    """
    going = check(exposed, EXPOSURE)[(exposed["next_step"] == "retire phone") & (exposed["account"] == "enabled")]
    going = going[going["phone_used"] == ""]
    blank = dict.fromkeys(("Mobile", "AlternateMobile", "OfficePhone"), "")
    return (
        pd.DataFrame({"UPN": going["user_principal_name"]}).assign(**blank, ForcedRemoval="TRUE").reset_index(drop=True)
    )


def campaign_group(exposed: pd.DataFrame) -> pd.DataFrame:
    """Members for a group that the campaign should include: blocked, not asked now, and allowed something better."""
    hit = check(exposed, EXPOSURE)[(exposed["status"] == "blocked") & exposed["campaign"].isin(_REACHABLE)]
    able = hit[(hit["may_passkey"] == "yes") | (hit["may_app"] == "yes")]
    return pd.DataFrame({_MEMBER: able["user_id"]}).reset_index(drop=True)


def write(
    exposed: pd.DataFrame, contacts: pd.DataFrame, when: Dates, folder: Path, *, today: dt.date
) -> dict[str, str]:
    """All of the files; name → what is in it, for people."""
    files: Mapping[str, tuple[pd.DataFrame, str]] = {
        ACTIONS: (actions(exposed), "everybody who needs something"),
        REGISTER: (register(exposed, contacts, when, today), "profile values worth registering, for preview"),
        PASSES: (passes(exposed), "people who need a Temporary Access Pass"),
        PHONES: (phones_that_may_go(exposed), "phones that may go, for preview"),
        CAMPAIGN: (campaign_group(exposed), "members for a group that the campaign includes"),
    }
    for name, (data, _) in files.items():
        path = csv_file(data, folder / name)
        if name == CAMPAIGN:
            path.write_text(f"version:v1.0\n{path.read_text('utf-8-sig')}", "utf-8")
    return {name: f"{len(data):,}: {what}" for name, (data, what) in files.items()}
