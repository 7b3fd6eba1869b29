"""A build: sources become dialogues, model calls become records, and records become the tables of a release.

In the order of a build: `run` (the whole of it), `ingest`, `collect` with `conversations`, `failures`, `_assemble`
with `_corpus_filters`. `workspace` keeps an unfinished build, `reuse` and `estimate` save calls and count them, and
`rebuild` repeats the second half for `verify`.
"""
