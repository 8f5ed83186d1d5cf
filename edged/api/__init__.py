"""F4: the server's face, one noun a file.

Law: translate and hand down; decide nothing. HTTP numbers exist in `problems` alone.
aiohttp's server is used here and nowhere else.
"""
