"""Pictures: from a client's bytes to pixels, safely."""
