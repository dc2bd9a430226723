"""What Graph's types have besides, and this tenant keeps nothing of: asked for, it is 501, not "no such property".

Source: Graph metadata v1.0 (properties and relations of each type).
"""

from __future__ import annotations

_SCHEDULES = "appScope directoryScope principal roleDefinition activatedUsing"
ELSEWHERE: dict[str, frozenset[str]] = {
    kind: frozenset(names.split())
    for kind, names in {
        "user": """
            activities adhocCalls agreementAcceptances appRoleAssignments authentication calendar calendarGroups
            calendarView calendars chats cloudClipboard cloudPCs contactFolders contacts createdObjects
            dataSecurityAndGovernance deviceManagementTroubleshootingEvents directReports drive drives
            employeeExperience events extensions followedSites inferenceClassification insights joinedTeams
            licenseDetails mailFolders managedAppRegistrations managedDevices manager memberOf messages notes
            oauth2PermissionGrants onPremisesSyncBehavior onenote onlineMeetings outlook ownedDevices ownedObjects
            people permissionGrants photo photos planner presence print registeredDevices scopedRoleMemberOf settings
            solutions sponsorOf sponsors teamwork todo transitiveMemberOf
            """,
        "group": """
            acceptedSenders accessType allowExternalSenders appRoleAssignments assignedLabels assignedLicenses
            autoSubscribeNewMembers calendar calendarView conversations createdOnBehalfOf drive drives events
            extensions groupLifecyclePolicies hasMembersWithLicenseErrors hideFromAddressLists hideFromOutlookClients
            infoCatalogs isArchived isFavorite isSubscribedByMail licenseProcessingState memberOf members
            membersWithLicenseErrors onPremisesExtensionAttributes onPremisesSyncBehavior onenote organizationId owners
            permissionGrants photo photos planner rejectedSenders resourceBehaviorOptions resourceProvisioningOptions
            settings sites team threads transitiveMemberOf transitiveMembers unseenConversationsCount unseenCount
            unseenMessagesCount welcomeMessageEnabled writebackConfiguration
            """,
        "directoryRole": "members scopedMembers",
        "unifiedRoleDefinition": """
            isPrivileged allowedPrincipalTypes richDescription categories assignmentMode
            """,
        "unifiedRoleAssignment": f"{_SCHEDULES} principalOrganizationId",
        "unifiedRoleEligibilityScheduleInstance": _SCHEDULES,
        "unifiedRoleAssignmentScheduleInstance": _SCHEDULES,
        "organization": "branding certificateBasedAuthConfiguration extensions",
        "domain": """
            domainNameReferences federationConfiguration rootDomain serviceConfigurationRecords verificationDnsRecords
            """,
        "subscribedSku": "accountId accountName subscriptionIds",
        "directoryAudit": "userAgent",
        "userRegistrationDetails": "defaultMfaMethod",
    }.items()
}
