"""A hundred thousand worlds: the whole road under a simulated sky.

One seed is one world: a small tenant, a source, parameters, and a script of bad luck. The runbooks' own cells run in
it, on real files, in virtual time, against the demo tenant in this process. Judged from outside: by the tenant's
history.

    make worlds SEEDS=1-500              # or: .venv/bin/python -m tests.worlds 17
"""
