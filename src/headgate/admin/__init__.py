"""The management API under /api/v1. Imported on first use: FastAPI takes longer to load than a start may take."""
