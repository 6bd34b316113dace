"""A file for each page of the navigation: what it shows, in order, and which views it offers."""
