"""What each released step does, in a sentence for people; a step never changes, so neither does its sentence."""

STEPS: dict[str, str] = {
    "answered@1": "The model's reply is there, whole, and has words.",
    "strategy_named@1": "Where a reply has to name a strategy, it names one of the eight.",
    "strategy_differs@1": "In `strategy`, the inferred strategy is another one than the human's.",
    "plain_reply@1": "No side carries a strategy in brackets, and the inferred one repeats nothing of its prompt.",
    "reply_differs@1": "The inferred words are not the human's, apart from case, punctuation and spacing.",
    "judge_each_side@1": "A judge looks at the human's reply and at the inferred one, each by itself and unlabelled.",
    "three_errors@1": "The judge finds an error in the inferred reply, and none in the human's.",
    "no_duplicate_pair@1": "The same pair stands nowhere earlier in the release.",
    "no_crowd_chatter@1": "The human does not talk of the crowd task in which the corpus was made.",
    "something_to_support@1": "The human's reply is more than a greeting, thanks or a goodbye.",
    "no_personal_data@1": "The inferred reply gives nobody's address, number or handle.",
    "compare_sides@1": "Every judge compares both sides, unlabelled, once in either order.",
    "rewrite_chosen@1": "Where the build asked for it, a human reply that most judges find flawed is rewritten.",
    "compare_rewritten@1": "The judges compare again where the human's reply was rewritten.",
    "majority@1": "More than half of the judges, in both orders, find the inferred side worse and the human's sound.",
    "hardest@1": "Of several candidates of one turn the hardest stays: the closest to the human's side.",
    "no_near_duplicate_pair@1": "No other pair has nearly the same words.",
    "balance_strategies@1": "No strategy is kept much more often than another.",
    "bounded_turns@1": "Neither the human's turn nor one before it is longer than 10,000 characters.",
    "bounded_reply@1": "The model's reply is no longer than 5,000 characters, its thoughts apart.",
    "no_personal_data@2": "The inferred reply gives nobody's address, number, link or handle, however it is written.",
    "known_marker@1": "The inferred reply begins with no marker of unknown meaning, which may open a model's thoughts.",
    "no_refusal@1": "By rule, the inferred reply does not decline to answer, and no machine speaks of itself in it.",
    "majority@2": "As `majority@1`; where most judges say that a side is no reply to the seeker, the pair is dropped.",
}
"""By step id; what is said of a step holds of every pair that it lets through."""
