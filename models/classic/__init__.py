"""The ancestors of today's attention: soft, hard, local, cross and memory attention, each as a small model that was trained.

Importing any of it makes all their classes known to transformers, so that each can be loaded by its name.
"""

from models.classic import bottleneck, hard, local, memory, soft, transformer

__all__ = ["bottleneck", "hard", "local", "memory", "soft", "transformer"]
