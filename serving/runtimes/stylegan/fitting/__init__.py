"""Finds directions for steering; a tool for whoever adds a model, and no part of serving.

samples    scored latents in files
fit        linear SVMs, and what their directions move besides
report     the folder that comes of it
"""
