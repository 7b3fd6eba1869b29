"""What a release is for and what it is not for: the same words on the card and in `croissant.json`."""

GOOD_FOR = (
    "research on emotional-support dialogue: training and comparing planners and responders with SFT and preference "
    "learning, and studying typical psychological errors of such systems"
)
"""Read after the word `for`."""

NOT_FOR = (
    "counselling, diagnosis, crisis response or any deployment without professional oversight; not for imitating the "
    "rejected side; not for profiling people, and not for finding out who they are"
)
"""Read after the words `not for`."""
