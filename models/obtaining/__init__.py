"""Where a model's files come from: the package, a folder, a wheel or the Hub, each checked."""
