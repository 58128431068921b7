"""The demo: one photograph, and the story that every kind of model tells of it."""
