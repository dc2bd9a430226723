"""The part of OData that Graph understands: one call, its options, `$filter`, `$search`, pages.

Nothing here knows what a user or a method is.
"""
