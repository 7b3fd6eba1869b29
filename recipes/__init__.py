"""Reference recipes: training, serving and evaluation on a release, over TRL, Transformers and PEFT.

Read in this order, each built on those before it:

* `tasks`: what is trained, in which stage, on which configs; `catalogue`: the YAML recipes; `tiny`: a model for tests.
* `data`: a pinned release, and its rows cut to a length; `metrics`: what an evaluation measures.
* `runs`: the arguments, environment, record and starting point of a training run.
* `reward`, `grpo`, `train`: the reward model, GRPO with it, and the training run itself.
* `evaluate`, `serving`, `loop`, `study`, `cli`: scoring a system, serving it, whole experiments, and the commands.
"""
