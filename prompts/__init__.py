"""The prompts that models receive, and the readers of their answers. A released prompt is never edited.

* `library`: finds a prompt by its id, checks it against `prompts.lock`, and renders it.
* `context`: the forms in which a prompt shows a dialogue; `personality`: the wording of a stylist's prompt.
* `readers`: the reader that each prompt names; `parsers`: the functions behind the readers.
"""
