"""``evenload status``: what there is and what is wrong with it (docs/look.md)."""
