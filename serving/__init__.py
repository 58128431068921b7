"""seom's server: models on Ray Serve behind one gRPC address."""

__version__ = "0.1.0"
