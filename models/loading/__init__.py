"""From a name to a model: where its files come from, each checked, and where it runs."""
