"""Benchmarks that compare Campus with a minimal implementation and with plain FastAPI.

Compared measurements are taken alternately in the same run.
"""
