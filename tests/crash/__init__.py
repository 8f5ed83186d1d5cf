"""What a power cut leaves behind, and what a start makes of it."""
