"""Group-relative policy optimisation (GRPO) of a reasoner, rewarded by a reward model.

`reward` scores traces and measures repetition; `trainer` turns both into advantages, over TRL's `GRPOTrainer`.
"""
