"""The difference of two releases: rows are matched by their ids, and compared by digests of their cells.

`run` compares two releases and derives the version step, `_compare` matches and compares the rows of one config,
`_store` holds the digests of its cells on disk.
"""
