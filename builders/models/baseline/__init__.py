"""The embedded models, `corpus`: fitted on the training dialogues, no network, nothing to download.

`models.fit_corpus` fits them, `completer.CorpusCompleter` answers requests with them. They answer from what a request
asks (`Request.ask`) and draw with its seed, so that the same dialogues and the same request give the same answer. What
they can do is measured (`scores`, `agreement`): they make a whole release on any machine; they understand nobody.
"""
