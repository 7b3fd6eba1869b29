"""Finds seeker turns that show a crisis, so that their dialogues are kept out of training data.

**What this is for.** A dialogue with such a turn goes to a holdout, away from every training split, until a human has
looked at it and signed. Nothing else. It is no triage tool, no risk assessment and no safety filter for a live
conversation: it knows words and not people, and no absence of a finding says that anybody is safe. `recall.json` says
what it finds: most of what is called by its name, about a third of sentences in words that nobody foresaw, and next
to nothing of what is newly coded or only hinted at. Those need a judge model, and a reader, beside it.

**How it decides.** Named rules (in the YAML files here, read by `rule`), each written phrases with exclusions, are
tried on one sentence at a time; the most urgent category goes first, and in it what is told of others, then by name,
in code, by signs. A rule that holds only after codes and veiled letters are put in plain words (`folding`) is a coded
find. Recall goes before precision, since a find costs a reader's minute. In doubt, then:

- *past, resolved, bereaved*: found, with `said_to_be_past`; what is over for the seeker is still no training example;
- *denied* ("I'm not suicidal", "he never hit me"): no find, where the denial stands right before the words; "not
  anymore" is a past one, and a denial beside another sign ("… but I wish I was gone") is found by that sign;
- *hyperbole and idiom* ("killing me", "dying to see", "it hit me hard"): no find, by what the rules ask for or
  exclude;
- *fiction, news, study, a job* ("the film in which he kills himself"): no find for words that such talk shares;
- *grief, sadness, despair about a thing* (a job, a course, a relationship): no find by themselves;
- *somebody else's crisis* is found like the seeker's own.
"""

from collections.abc import Iterator, Sequence

from ...schemas.safety import CrisisFinding, CrisisForm
from .answers import find_answer
from .folding import decode, fold_sentences
from .rule import Rule, is_past, rules_for, written_rules


def find_crisis(text: str, previous: Sequence[str] = ()) -> CrisisFinding | None:
    """The most urgent crisis that a seeker turn shows, or None where no rule holds.

    Args:
        text: The seeker turn.
        previous: What was said before it by either side, oldest first; a short answer is read with the last of it.
    """
    found = next(_findings(fold_sentences(text)), None)
    if found is None and previous:
        return find_answer(text, previous[-1])
    return found


def _findings(sentences: Sequence[str]) -> Iterator[CrisisFinding]:
    read = [(sentence, decode(sentence)) for sentence in sentences]
    whole = [(" ".join(sentences), " ".join(decoded for _, decoded in read))]
    tried = {text: rules_for(text) for text in {text for both in (*read, *whole) for text in both}}
    for rule in written_rules():
        for plain, decoded in whole if rule.whole else read:
            if rule.id in tried[plain] and rule.holds(plain):
                yield _finding(rule, rule.form, plain)
            elif decoded != plain and rule.id in tried[decoded] and rule.holds(decoded):
                coded = CrisisForm.CODED if rule.form is CrisisForm.EXPLICIT else rule.form
                yield _finding(rule, coded, decoded)


def _finding(rule: Rule, form: CrisisForm, sentence: str) -> CrisisFinding:
    return CrisisFinding(category=rule.category, form=form, rule=rule.id, said_to_be_past=is_past(sentence))
