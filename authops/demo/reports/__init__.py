"""What is counted and written down: the registration report and the directory audit log.

Nothing is changed here.
"""
