"""Sources: files, folders and Hub repos whose records become dialogues.

`source` opens them; `files`, `_data_files` and `hub` read what lies there; `formats` lists the forms of corpora.
One file is one form (`_esconv`, `_mesc`, `_chat`, `_empathetic`, `_own`), and `base` has what they share.
"""
