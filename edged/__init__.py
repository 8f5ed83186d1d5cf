"""edged: an on-device inference daemon for Linux edge boxes."""

__version__ = "0.1.0"
