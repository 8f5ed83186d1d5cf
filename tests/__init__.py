"""Tests; see CONTRIBUTING.md for what may use what."""
