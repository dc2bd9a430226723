"""What people see: tables, charts, pages, the review grid, the stop button.

Shows what it is given, masked; decides nothing.
"""

from authops.words.rooms import offered

__getattr__ = offered(__name__)
