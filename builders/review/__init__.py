"""People review a release: blind sheets go out, filled ones come back, and the release stores their agreement.

Pairs: `sample` draws them and keeps the key, `forms` writes the sheets, `_readers` reads the filled ones, `importing`
stores the labels, `_figures` computes the agreement. `crisis` does the same for dialogues that are
held out for a crisis.
"""
