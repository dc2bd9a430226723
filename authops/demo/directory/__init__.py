"""Requests on what the directory holds: users, groups, roles, the organization.

Authentication methods are in `methods`, what is counted and written down about them in `reports`.
"""
