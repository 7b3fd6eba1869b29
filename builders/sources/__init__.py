"""Sources: files, folders and Hub repos whose records become dialogues.

`source` opens them, `files`, `_data_files` and `hub` read what lies there, and `shapes` knows the form of each corpus.
"""
