"""Where wanted values come from: files, mappings, profiles, to WANTED and PROBLEMS.

Nothing here writes.
"""

from authops.words.rooms import offered

__getattr__ = offered(
    __name__,
    {
        "people": "find_people",
        "wanted_file": "read",
    },
)
