"""F5: edgectl, one noun a file.

Law: data on stdout, talk on stderr. Exit numbers exist in `exits` alone. Heavy
imports stand inside the command that needs them.
"""
