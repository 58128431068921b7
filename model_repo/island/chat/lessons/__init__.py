"""What the model is taught: one module for each lesson, whose functions draw a conversation."""
