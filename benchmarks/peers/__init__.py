"""The servers and loops we compare with, each a process of its own.

A server peer is a module run with `python -m`; it serves on the loopback interface,
prints one JSON line `{"port": N}` when it is ready, and ends cleanly on SIGTERM.
"""
