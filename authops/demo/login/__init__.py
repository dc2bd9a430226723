"""Entra login: who may sign in and by what, tokens, and which permissions open which request.

It knows applications, certificates and people by name only; what a request does is no concern of this room.
"""
