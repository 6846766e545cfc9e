"""``evenload doctor``: what is wrong with this host and this installation, and what to do (docs/look.md)."""
