"""Who is calling: one Protocol and its implementations."""
