"""Several models of the family trained at once on one device, within a given time: `python -m models.training.together`."""
