"""People kept in galleries: their names, their embeddings, and who of them a face is.

Knows nothing of pictures, networks or gRPC; whose galleries they are, its caller says.
"""
