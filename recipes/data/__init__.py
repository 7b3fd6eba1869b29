"""The rows that a recipe trains on.

* `release`: releases pinned by a tag, a commit or a digest, and the dialogues whose rows are used.
* `fit`: their rows as a trainer takes them, every prompt cut from the left to the length of the model.
"""
