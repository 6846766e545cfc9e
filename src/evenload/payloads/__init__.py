"""The documents that server and agent exchange and keep, as JSON, versioned. Layer 1: ``host`` and ``bus`` speak it."""
