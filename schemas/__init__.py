"""The types that everything else shares: dialogues, requests, verdicts, rows, specs, manifests and reports.

Nothing here calls a model or knows how a release is built; `files`, `documents` and `escape` are the only modules that
touch the world outside. Read in this order:

* `base`, `errors`, `text`: what all models derive from, the tree of errors, what counts as the same text.
* `dialogue`, `strategy`, `emotion`, `error_type`, `trace`, `verdict`, `safety`: the domain.
* `inference`: a request, its key and its outcome.
* `spec`, `steps`, `drops`: what decides the rows of a release.
* `config`, `rows`, `manifest`, `licence`, `maintainers`, `publishing`: a release.
* `measures`, `audit`, `diff`, `evaluation`, `report`, `review`, `study`: what is found about one.
"""
