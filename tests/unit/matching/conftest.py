"""What every test of matching here begins with."""

from tests.support.kernels import compiled_kernels

__all__ = ["compiled_kernels"]
