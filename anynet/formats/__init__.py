"""Bytes to arrays, and nothing else: what arrays mean, other rooms say. Nothing that is read is trusted."""
