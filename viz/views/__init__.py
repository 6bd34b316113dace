"""What pages draw: a folder for each page, and beside the folders what several pages share."""
