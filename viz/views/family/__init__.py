"""The parts of the page Family."""
