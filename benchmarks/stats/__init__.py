"""Turns records into figures, each with what may be said about its certainty."""
