"""What differs between two releases, and the version step that this needs: read `run` first.

`_compare` finds added, changed and gone rows by their ids, with digests of columns on disk (`_store`).
"""
