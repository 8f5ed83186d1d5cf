"""Debian with systemd as its init, and edged in it as an administrator has it."""
