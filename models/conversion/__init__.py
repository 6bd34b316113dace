"""Turning a model with multi-head, grouped-query or multi-query attention into one that caches a low-rank latent.

`latent_config`, `latent_cache` and `latent_model` are the class that comes out of it, an ordinary one of transformers;
`calibration`, `factors` and `ranks` decide what it keeps; `convert` is the public face; `healing` trains it further.
"""
