"""The stores and their schema."""
