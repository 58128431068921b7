"""The descriptor pool of our protocol, apart from protobuf's default pool.

The default pool refuses a second definition of a symbol, and tritonclient defines
the same `inference` symbols; with a pool of our own both live in one process.
"""

from google.protobuf.descriptor_pool import DescriptorPool

POOL = DescriptorPool()
