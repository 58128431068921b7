"""Everything that is not inference, and the dispatcher for calls the edge cannot route."""
