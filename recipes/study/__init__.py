"""`validate-release`: what training on a release shows, as questions with the answers yes, no and cannot tell.

`questions` states them with their limits, `run` trains and measures, `_release_answers` and `_training_answers` answer,
`figures` makes the page.
"""
