"""The reference pack: a procedural island, and the small models trained on it."""
