"""Evenload: load balancers on demand, one HAProxy in one network namespace each.

The packages and the direction of their imports are described in ARCHITECTURE.md.
"""
