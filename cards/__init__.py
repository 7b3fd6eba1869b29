"""What people read of a release: the dataset card (`render`), the report (`report`), Croissant and the licence files.

All of it is computed from the manifest and the files beside it (`context`); no number is typed by hand.
"""
