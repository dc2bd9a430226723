"""Role assignments and eligibilities as schedules tell of them: what they are, and since when.

Source: unifiedRoleAssignmentScheduleInstance, unifiedRoleEligibilityScheduleInstance, unifiedRoleAssignmentSchedule,
unifiedRoleEligibilitySchedule resources. Everything here is direct, assigned, and without an end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_SINCE = "2025-03-14T09:00:00Z"
_WHO = ("id", "principalId", "roleDefinitionId", "directoryScopeId", "appScopeId")
_INSTANCE = (*_WHO, "startDateTime", "endDateTime", "memberType")
_SCHEDULE = (*_WHO, "createdUsing", "createdDateTime", "modifiedDateTime", "status", "memberType", "scheduleInfo")
_ENDLESS = {"type": "noExpiration", "endDateTime": None, "duration": None}


@dataclass(frozen=True, slots=True)
class Form:
    """How one collection under /roleManagement/directory shows its rows."""

    kind: str
    fields: tuple[str, ...]

    def row(self, held: dict[str, Any]) -> dict[str, Any]:
        """Return a role that is held, or may be activated, in this form."""
        key = held["id"]
        told = {
            **held,
            "startDateTime": _SINCE,
            "memberType": "Direct",
            "assignmentType": "Assigned",
            "roleAssignmentOriginId": key,
            "roleAssignmentScheduleId": key,
            "roleEligibilityScheduleId": key,
            "createdUsing": key,
            "createdDateTime": _SINCE,
            "status": "Provisioned",
            "scheduleInfo": {"startDateTime": _SINCE, "recurrence": None, "expiration": _ENDLESS},
        }
        return {name: told.get(name) for name in self.fields}


ASSIGNMENT = Form("unifiedRoleAssignment", (*_WHO, "condition"))
ASSIGNMENT_INSTANCE = Form(
    "unifiedRoleAssignmentScheduleInstance",
    (*_INSTANCE, "assignmentType", "roleAssignmentOriginId", "roleAssignmentScheduleId"),
)
ASSIGNMENT_SCHEDULE = Form("unifiedRoleAssignmentSchedule", (*_SCHEDULE, "assignmentType"))
ELIGIBILITY_INSTANCE = Form("unifiedRoleEligibilityScheduleInstance", (*_INSTANCE, "roleEligibilityScheduleId"))
ELIGIBILITY_SCHEDULE = Form("unifiedRoleEligibilitySchedule", _SCHEDULE)
