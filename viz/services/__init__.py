"""The only place that caches: what all visitors share, bounded in bytes, and work that goes on behind a page."""

from viz.services.runs import (
    TILE,
    Request,
    atlas,
    capture,
    capture_store,
    flops_per_s,
    is_captured,
    model,
    model_of,
    model_store,
    rollout,
    token_loss,
)

__all__ = [
    "TILE",
    "Request",
    "atlas",
    "capture",
    "capture_store",
    "flops_per_s",
    "is_captured",
    "model",
    "model_of",
    "model_store",
    "rollout",
    "token_loss",
]
