"""Protobuf on one side, dataclasses and arrays on the other; one file a service."""
