"""What was promised, measured: ``python -m bench`` (``make bench``).

Each part is a module under ``bench/parts``; ``rows`` holds the arithmetic and the table, ``room`` the namespaces of
the run, ``probe`` the client that looks for the first answer. Nothing of ``src`` imports this.
"""
