"""One module per part of the measurement; each has functions that take the ``Room`` and return rows."""
