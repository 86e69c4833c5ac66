"""The request log taken elsewhere: exports on demand, archives by the hour, as JSON lines or Parquet."""
