"""The one edge where bytes come in and leave."""
