"""What everybody needs to speak: errors, frames, durations, places, redaction.

No arrow leaves this room.
"""

from authops.words.rooms import offered

__getattr__ = offered(__name__)
