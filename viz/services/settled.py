"""What lives as long as the server, set aside from Python's garbage collector.

Streamlit has it look through everything after each run of a script, so after each click. The half a million objects of torch,
transformers and the loaded models make that 0.3 s in which no other visitor's page moves; without them it is a millisecond.
"""

import gc


def settle() -> None:
    """Set aside all that is alive now. What was set aside before and has been dropped since is collected first."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
