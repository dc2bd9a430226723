"""WANTED and CURRENT to a sealed plan: judged, guarded, selected, approved; and back again: undo.

No network, no write to a tenant.
"""

from authops.words.rooms import offered

__getattr__ = offered(
    __name__,
    {
        "plan": "HOLDS REASONS ending make part",
        "plan_file": "approval approve approved decide load save seal still until utc_now while_approved",
        "retiring": "mark_retiring sentence_of",
        "guards": "Limits breaches enforce held_counts hold protect sign_in",
    },
)
