"""Stand-ins for parts of the world; each has a test of its own."""
