"""`comptoir serve`: everything that the embedded default runs, as children of one small parent."""
