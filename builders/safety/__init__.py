"""What must not reach a training split as it is: traces of persons, and dialogues of people in a crisis.

`pii` finds and masks the first, `crisis` finds the second. Both are rules over words: pure functions, no model.
"""
