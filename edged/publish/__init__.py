"""Bundles -> a signed repository on any static host.

Law: works without a network; keys that are offline stay there. What a box would refuse
is refused here first.
"""
