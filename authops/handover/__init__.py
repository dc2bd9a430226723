"""How a pass's code reaches the person who gives it on: sealed files, a locked workbook, a webhook, a screen.

The only room that reads a code; it knows nothing of Graph, plans or journals.
"""

from authops.words.rooms import offered

__getattr__ = offered(__name__, {"handover": "Code HandOver Letter Receipt", "opening": "open KINDS"})
