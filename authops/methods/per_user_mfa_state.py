"""Multifactor sign-in switched on person by person, as before Conditional Access (Graph, beta: requirements)."""

from __future__ import annotations

from typing import Final

from authops.methods.kind import Order
from authops.methods.states import state

KIND: Final = state(
    "perUserMfaState", "per-user MFA", "requirements", "perUserMfaState", Order(add=32, update=32, remove=32),
    version="beta", entity=True,
    reads=("Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod"),
    writes=("Policy.ReadWrite.AuthenticationMethod",),
    settable=(("disabled", "disabled"), ("enabled", "enabled"), ("enforced", "enforced")),
)  # fmt: skip
