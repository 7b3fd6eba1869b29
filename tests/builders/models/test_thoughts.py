"""Every maker's thoughts come to one form, and nothing else of a reply is touched."""

import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipm_prefdial.builders.models.thoughts import _FORMS, canonical_thoughts, wrap_thoughts
from ipm_prefdial.prompts.parsers.json_reply import without_thinking

MAKERS = {
    "DeepSeek, Qwen": "<think>{t}</think>{a}",
    "Claude": "<thinking>{t}</thinking>{a}",
    "Gemini, EXAONE": "<thought>{t}</thought>{a}",
    "reasoning": "<reasoning>{t}</reasoning>{a}",
    "upper case": "<REASONING>\n{t}\n</REASONING>\n{a}",
    "Seed-OSS": "<seed:think>{t}</seed:think>{a}",
    "LongCat": "<longcat_think>{t}</longcat_think>{a}",
    "attributes": '<think type="inner">{t}</think>{a}',
    "spaces": "< think >{t}< / think >{a}",
    "reflection within": "<thinking>{t}<reflection>{t}</reflection>{t}</thinking>\n<output>{a}</output>",
    "the same within": "<thought>{t}<thought>{t}</thought>{t}</thought>{a}",
    "Magistral": "[THINK]{t}[/THINK]{a}",
    "gpt-oss": "<|channel|>analysis<|message|>{t}<|end|><|start|>assistant<|channel|>final<|message|>{a}<|return|>",
    "gpt-oss, three": (
        "<|channel|>analysis<|message|>{t}<|end|><|start|>assistant<|channel|>commentary<|message|>{t}<|end|>"
        "<|start|>assistant<|channel|>final<|message|>{a}"
    ),
    "gpt-oss, JSON": "<|channel|>analysis<|message|>{t}<|end|><|start|>assistant<|channel|>final "
    "<|constrain|>json<|message|>{a}",
    "gpt-oss without its tokens": "analysisWe {t}assistantfinal{a}",
    "Gemma": "<|channel>thought\n{t}<channel|>{a}",
    "MedGemma": "<unused94>thought\n{t}<unused95>{a}",
    "Kimi": "◁think▷{t}◁/think▷{a}",
    "Sky-T1": "<|begin_of_thought|>{t}<|end_of_thought|>\n\n<|begin_of_solution|>{a}<|end_of_solution|>",
    "Command A": "<|START_THINKING|>{t}<|END_THINKING|><|START_RESPONSE|>{a}<|END_RESPONSE|>",
    "bars": "<|think|>{t}<|/think|>{a}",
    "R1-Zero, ERNIE, GLM": "<think>\n{t}\n</think>\n<answer>\n{a}\n</answer>",
    "Granite": "Here is my thought process: {t}\nHere is my response: {a}",
    "Apriel": "Here are my reasoning steps:\n{t}\n[BEGIN FINAL RESPONSE]\n{a}\n[END FINAL RESPONSE]\n",
    "Ollama": "Thinking...\n{t}\n...done thinking.\n\n{a}",
    "Open WebUI": '<details type="reasoning" done="true">{t}</details>\n{a}',
    "a fence": "```thinking\n{t}\n```\n{a}",
}
PROMPTED = ["{t}</think>{a}", "{t}</thought>{a}", "{t}[/THINK]{a}", "{t}◁/think▷{a}", "{t}<|end_of_thought|>{a}"]
words = st.text(string.ascii_letters + " .,\n'é你", min_size=1, max_size=40).filter(str.strip)
marks = st.sampled_from(
    [
        *("<think>", "</think>", "<thinking>", "[THINK]", "[/THINK]", "<thought>", "</thought>", "</reasoning>"),
        *("<seed:think>", "◁think▷", "◁/think▷", "<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
        *(
            "<|end|>",
            "<|start|>assistant",
            "<answer>",
            "</answer>",
            "<|begin_of_solution|>",
            "<|return|>",
            "```think\n",
        ),
        *("```", "Here is my thought process:", "Here is my response:", "<unused94>", "<unused95>", "[THI", "NK]", "<"),
        *(
            "[BEGIN FINAL RESPONSE]",
            "[END FINAL RESPONSE]",
            "<details type='reasoning'>",
            "</details>",
            ">",
            "a ",
            "\n",
        ),
        *("analysis", "assistantfinal", "We", "Thinking...\n", "...done thinking.", "<|channel>thought", "<channel|>"),
    ]
)


@pytest.mark.parametrize("form", [*MAKERS.values(), *PROMPTED], ids=[*MAKERS, *PROMPTED])
@settings(max_examples=10)
@given(thoughts=words, answer=words)
def test_of_every_makers_form_the_answer_is_left(form: str, thoughts: str, answer: str) -> None:
    text = canonical_thoughts(form.format(t=thoughts, a=answer))
    assert without_thinking(text).strip() == answer.strip()
    assert thoughts.strip() in text and answer.strip() in text, "no word is lost"
    assert canonical_thoughts(text) == text


@pytest.mark.parametrize("form", [form.partition("{t}")[0] + "{t}" for form in MAKERS.values()], ids=list(MAKERS))
def test_thoughts_that_never_end_are_no_answer(form: str) -> None:
    assert without_thinking(canonical_thoughts(form.format(t="Let me see"))).strip() == ""


@given(st.text() | words)
def test_a_text_without_marks_stays_as_it_is(text: str) -> None:
    if not any(sign in text for sign in "<[◁`"):
        assert canonical_thoughts(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "[Question] How was that?",
        "[Reflection of Feelings] You feel alone.",
        "I <3 you, and 2 < 3 > 1.",
        "My thinking is that you did well. Here is my advice: rest.",
        "Analysis paralysis is real.",
        "That is what <thought> means in HTML, I think.",
        "<history>No job.</history>\n<emotion>sad</emotion>\n<strategy>Question</strategy>\n<reply>Oh.</reply>",
        '{"error": "none", "rationale": "It begins with [THINK]hm[/THINK]."}',
        "```json\n{}\n```",
        "<answer>Hi</answer>",
        "<answer>◁think▷",
        " <answer>Here is my thought process:",
    ],
)
def test_what_only_looks_like_a_mark_stays(text: str) -> None:
    assert canonical_thoughts(text) == text


@given(st.lists(marks | words, max_size=12).map("".join))
def test_twice_is_once(text: str) -> None:
    once = canonical_thoughts(text)
    assert canonical_thoughts(once) == once


@given(st.lists(marks | words, max_size=12).map("".join))
def test_only_marks_go(text: str) -> None:
    def letters(of: str) -> list[str]:
        return [letter for letter in of if letter in "é你"]

    assert letters(canonical_thoughts(text)) == letters(text)


def test_no_mark_is_looked_for_without_a_bound() -> None:
    """What repeats in a pattern is counted, so that no letter is looked at more than a fixed number of times."""
    for form in _FORMS.values():
        for pattern in form:
            assert not isinstance(pattern, str) or not re.search(r"(?<!\\)[*+]", pattern), pattern


def test_thoughts_that_come_apart_are_put_before_the_answer() -> None:
    assert without_thinking(wrap_thoughts("hm") + "Hi") == "Hi"
    assert wrap_thoughts("") == ""
