"""What the server does before it answers anybody: the first visitor shall not wait for libraries."""

import importlib
import pkgutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import streamlit as st

import models
import viz.views
from viz import services
from viz.services.settled import settle


@asynccontextmanager
async def ready(_app: st.App) -> AsyncIterator[None]:
    """The server's life: what every page needs is imported, and the model is loaded with which it opens."""
    for module in pkgutil.walk_packages(viz.views.__path__, "viz.views."):
        importlib.import_module(module.name)
    with suppress(models.HeadlightError):  # the page that asks for it says so
        services.model(models.DEFAULT, "auto")
    settle()
    yield
