"""WANTED and CURRENT to a sealed plan: judged, guarded, selected, approved; and back again: undo.

No network, no write to a tenant.
"""

from authops.words.rooms import offered

__getattr__ = offered(__name__)
