"""What people see: tables, charts, pages, the review grid, the head of a notebook.

Shows what it is given, masked; decides nothing.
"""

from authops.words.rooms import offered

__getattr__ = offered(
    __name__,
    {
        "report": "Progress breaches changes counts coverage_chart facts holds outcomes problems reasons witness",
        "pictures": "details differences dimension dimensions nudges quality settings standings to_look_at trend "
        "unknown",
        "exposure": "before_and_after by_itself costs countdown exposed_administrators exposure_dimensions "
        "exposure_moves exposure_trend_view in_use to_act_on",
        "explore": "DrillDown ExposureDrillDown",
        "head": "Running head",
        "review": "review_plan",
    },
)
