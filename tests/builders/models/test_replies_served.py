"""A served name may be another way to write the one that was asked for, and no other model's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.builders.models._replies import is_same_model


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14"),
        ("gpt-4-turbo", "gpt-4-turbo-2024-04-09"),
        ("gpt-3.5-turbo", "gpt-3.5-turbo-0125"),
        ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"),
        ("mistral-large-latest", "mistral-large-2411"),
        ("gemini-1.5-flash", "gemini-1.5-flash-001"),
        ("gemini-2.5-pro", "models/gemini-2.5-pro-preview-05-06"),
        ("deepseek-r1", "deepseek-r1-0528"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("Qwen/Qwen2.5-7B-Instruct", "qwen2.5-7b-instruct"),
        ("Qwen/Qwen2.5-7B-Instruct", "/models/Qwen2.5-7B-Instruct"),
        ("Qwen/Qwen2.5-7B-Instruct", "Qwen/Qwen2.5-7B-Instruct@main"),
        ("Qwen/Qwen2.5-7B", "/root/.cache/huggingface/hub/models--Qwen--Qwen2.5-7B/snapshots/d149729398750b98c0af14eb"),
        ("llama-3.1-8b", "C:\\weights\\llama-3.1-8b.gguf"),
        ("llama3", "llama3:latest"),
        ("meta-llama/llama-3.1-8b-instruct:free", "meta-llama/llama-3.1-8b-instruct"),
    ],
)
def test_ways_to_write_one_name(asked: str, served: str) -> None:
    assert is_same_model(asked, served)


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ("gpt-4.1", "gpt-4.1-mini"),
        ("gpt-4.1-mini", "gpt-4.1"),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-08-06"),
        ("qwen2.5:7b", "qwen2.5:14b"),
        ("qwen2.5-7b", "qwen2.5-0.5b"),
        ("Qwen/Qwen2.5-7B-Instruct", "Qwen/Qwen2.5-7B"),
        ("llama-3.1-8b", "llama-3.2-8b"),
        ("gpt-4.1", "gpt-3.5-turbo-0125"),
        ("judge", "planner"),
        ("mock", "2024-08-06"),
    ],
)
def test_other_models(asked: str, served: str) -> None:
    assert not is_same_model(asked, served)


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_two_names_can_be_compared(asked: str, served: str) -> None:
    assert is_same_model(asked, asked)
    assert isinstance(is_same_model(asked, served), bool)
