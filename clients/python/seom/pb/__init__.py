"""Generated protocol code; `make protos` writes it. Nothing here is public API."""
