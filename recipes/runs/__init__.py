"""What a training run is, below everything that trains.

* `arguments`: the settings of a run, from a recipe's file and the command line.
* `environment`: the machine and the software that it runs on, and the launchers for several processes.
* `record`: `run.json`, the record beside a checkpoint.
* `start`: the tokenizer, and the finished runs that a run starts from.
"""
