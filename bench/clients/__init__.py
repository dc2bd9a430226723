"""Real Graph clients against the demo tenant, each in an environment of its own."""
