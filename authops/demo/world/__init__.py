"""The world: people and what they registered, by the rules Graph keeps; kept in one file, the same for the same seed.

No HTTP here, no permission, and no clock but the one given. What nobody could confirm stands in `assumptions`.
"""
