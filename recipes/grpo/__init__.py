"""Group-relative policy optimisation (GRPO) of a reasoner: what earns a reward, and what each part of it does."""
