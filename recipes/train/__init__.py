"""One training run, from its arguments to a checkpoint with its record, curves and model card.

Read `run` first: it is the training script, and orders everything else. `rows` gives the rows of a stage, cut to the
length; `trainers` makes the trainer of a stage, `weighted` the one for SFT on weighted rows; `resume` lets an
interrupted run continue as if nothing had happened; `curves` writes what is logged, `card` the model card.
"""
