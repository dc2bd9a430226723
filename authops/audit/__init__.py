"""Where everybody stands: coverage, quality of numbers, trend, snapshots, export.

Reads only.
"""

from authops.words.rooms import offered

__getattr__ = offered(__name__)
