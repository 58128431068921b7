"""Sends requests at the times a schedule says, from processes of their own."""
