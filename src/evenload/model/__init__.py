"""The domain: load balancers, networks, statuses and the rules across them, as plain immutable values.

Standard library only. No I/O, clock, log or settings: whatever a function here needs, it is given.
"""
