"""The seams: what the layers above the model ask of each other, as Protocols.

``service`` and ``agent`` are written against these; ``store``, ``bus``, ``ports`` and ``host`` fulfil them; ``main``
puts them together. A fake of one of these passes the same contract suite as the real thing (tests/contract).
"""
