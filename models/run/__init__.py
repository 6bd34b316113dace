"""One forward pass, watched and changed: the tap, gates and cuts, the modes of a cache, the plan of a class."""
