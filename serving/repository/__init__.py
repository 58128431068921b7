"""The model repository: model.yaml files, and weights that are what they claim to be."""
