"""The keys by which clients resume TLS sessions: one file for each load balancer, which outlives its processes.

They are the host's own, and in no document: a session that was begun elsewhere begins anew here.
"""

TICKETS = "tickets.keys"
_WORD = " tls-ticket-keys "


def needs_tickets(text: str) -> bool:
    """Whether a process that works by the text reads the file."""
    return _WORD in text
