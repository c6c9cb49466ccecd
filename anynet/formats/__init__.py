"""Formats: bytes to arrays and back, and nothing else. One file per format.

What the arrays mean, as a network or as a data set, is for other rooms. Nothing that is
read here is trusted: what a file declares is checked before memory is set aside for it.
"""
