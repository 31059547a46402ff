"""The API's nouns, one a file."""
