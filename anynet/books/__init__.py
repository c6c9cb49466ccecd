"""The languages of books and libraries that are no longer made: their programs run with only their imports changed."""
