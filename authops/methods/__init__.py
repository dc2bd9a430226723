"""One module for each kind of sign-in method, and nothing about a kind anywhere else.

A kind says how it is read, checked, compared, written, ordered and guarded; every other room loops over kinds.
Knows no person, no file and no clock.
"""

from authops.words.rooms import offered

__getattr__ = offered(__name__)
