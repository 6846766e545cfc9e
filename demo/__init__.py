"""A load balancer before the user's eyes: ``python -m demo [--keep]``, as root."""
