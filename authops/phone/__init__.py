"""Numbers: reading, spelling, comparing; the numbering plans behind it.

Knows no tenant, no file, no clock.
"""

from authops.words.rooms import offered

__getattr__ = offered(__name__)
