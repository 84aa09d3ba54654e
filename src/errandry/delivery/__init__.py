"""Brings due tasks to workers."""
