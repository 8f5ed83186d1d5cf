"""edged.client: call the daemon from Python, sync or async."""
