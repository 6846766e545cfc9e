"""Barbican's API, v1: secrets, containers of them, who may read them; over the built-in store."""
