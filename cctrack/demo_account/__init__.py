"""A synthetic account to try everything on: its generator and the loopback server that speaks for it."""
