"""Trouble that a client must live through: seeded weather, and throttling as Graph documents it.

A fault is data; what it does to a request is done in `wire`.
"""
