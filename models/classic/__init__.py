"""The ancestors of today's attention: soft, hard, local, cross and memory attention, each as a small model that was trained."""
