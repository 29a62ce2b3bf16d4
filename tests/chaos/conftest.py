"""Services are started as processes here: matching's kernels are compiled before anything is waited for."""

from tests.support.kernels import compiled_kernels

__all__ = ["compiled_kernels"]
