"""Model families: one folder each, found by name, knowing only NumPy and dataclasses."""
