from tests.pipeline.conftest import wall

__all__ = ["wall"]
