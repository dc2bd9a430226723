"""The one way to Graph: connection, client, pace, requests and what their answers say.

Knows nothing of plans or people.
"""

from authops.words.rooms import offered

__getattr__ = offered(__name__)
