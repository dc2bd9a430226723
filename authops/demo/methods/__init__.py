"""Requests on authentication methods, one module for each kind that has something of its own, and their policy.

What the kinds share is in `base`; the rules themselves are the world's.
"""
