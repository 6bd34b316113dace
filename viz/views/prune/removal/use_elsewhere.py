"""The smaller model as a model like any other: on every page, in a folder, as a zip, in a notebook."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from viz.markdown import escaped
from viz.services import removals
from viz.services.removals import LARGEST_ZIP, Removal
from viz.views.columns import pair
from viz.views.open_in_explore import take
from viz.views.prune import history


def use_elsewhere(wanted: Removal) -> None:
    """Buttons that take it to the other pages or away, and the code that makes it elsewhere."""
    nbytes = removals.weight_bytes(wanted)
    size, place = f"about {nbytes / 1e6:,.3g} MB", removals.folder_of(wanted)
    left, right = pair("removal-use", 0.5, 0.5)
    with left:
        st.markdown("**Take it with you**")
        with st.container(horizontal=True, gap="small"):
            st.button(
                "Open in Explore", type="primary", key="removal-explore", on_click=_take, args=(wanted,),
                icon=":material/grid_view:", width="content", help="The sidebar’s model picker brings the original back.",
            )  # fmt: skip
            _zip(wanted, place, nbytes, size)
        st.caption(
            f"It is written to {escaped(place)} once ({size}), when one of the two is pressed; "
            + (
                "transformers alone opens it, too."
                if removals.cost(wanted).stock
                else "models.load opens it, transformers alone does not."
            )
        )
    with right:
        st.markdown("**In a notebook**")
        st.code(code(wanted), language="python", wrap_lines=True)


def _zip(wanted: Removal, place: Path, nbytes: int, size: str) -> None:
    """Zipped when it is asked for, not before."""
    too_large = nbytes > LARGEST_ZIP
    help_text = "Weights, config and tokenizer, zipped at the click."
    st.download_button(
        f"Download as zip, {size}", lambda: removals.zipped(wanted), f"{place.name}.zip", "application/zip",
        key="removal-zip", on_click="ignore", icon=":material/folder_zip:", disabled=too_large, width="content",
        help="More than 1 GB is not zipped: take the folder." if too_large else help_text,
    )  # fmt: skip


def _take(wanted: Removal) -> None:
    if take(lambda: removals.saved(wanted)):
        history.start_again()  # the smaller model counts its heads anew


def code(wanted: Removal) -> str:
    """What makes the same model in a notebook."""
    return "\n".join(
        [
            "import models",
            "",
            f"model = models.load({wanted.model!r})",
            f"small = models.remove_heads(model, {list(wanted.off)!r})",
            'models.save(small, "small")  # models.load("small") opens it again',
        ]
    )
