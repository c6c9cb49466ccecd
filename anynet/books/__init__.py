"""The programs of books, and the language of a library that is no longer made, under their own names.

A reader's file runs with only its import lines changed. They are thin: the mathematics is the library's.
"""
