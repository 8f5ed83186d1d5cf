"""What a power cut, a kill or a disk that refuses leaves, and what comes of it."""
