"""What each step of the timeline fixed, measured on the visitor's input."""
