"""What a running server tells its operators."""
