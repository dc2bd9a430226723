"""What travels: HTTP, batches, the table of routes, the knobs, the server and its launcher.

Every other room is used here; none uses this one.
"""
