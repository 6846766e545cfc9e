"""Secrets at rest, and what is made of them. Fulfils SecretStore and Certificates of ``interfaces``."""
