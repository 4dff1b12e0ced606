"""The decoder of characters: its size, its tokens, and generation as a plain loop would do it."""

from __future__ import annotations

import pytest
import torch

from w2s_probe.core.decoder_sizes import parameters_of, width_of
from w2s_probe.core.reason_config import LEAST_TEMPERATURE
from w2s_probe.finetune.reasoning.decoder import END, IGNORED, decode, encode, generate, new_decoder, texts_of


@pytest.mark.parametrize("size", [25_000, 100_000, 400_000])
def test_a_decoder_has_about_the_parameters_that_are_asked_for(size: int) -> None:
    parameters = sum(parameter.numel() for parameter in new_decoder(size, seed=0).parameters())
    assert parameters == parameters_of(width_of(size))
    assert abs(parameters - size) < 0.1 * size


def test_weights_are_a_function_of_the_seed_and_other_random_numbers_stay() -> None:
    torch.manual_seed(1)
    first = new_decoder(25_000, seed=3)
    after = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), after)
    same, other = new_decoder(25_000, seed=3), new_decoder(25_000, seed=4)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), same.parameters(), strict=True))
    assert not torch.equal(next(first.parameters()), next(other.parameters()))


def test_only_the_continuation_and_its_end_are_labelled() -> None:
    texts = texts_of(["1:", "1:"], ["23", "4"])
    assert texts.tokens.tolist() == [[*encode("1:23"), END], [*encode("1:4"), END, END]]
    assert texts.labels.tolist() == [
        [IGNORED, IGNORED, *encode("23"), END],
        [IGNORED, IGNORED, *encode("4"), END, IGNORED],
    ]
    assert decode(encode("12\n3")) == "12"


def test_greedy_generation_is_the_argmax_of_one_token_after_the_other() -> None:
    model = new_decoder(25_000, seed=0)
    prompts = ["1+2=", "3*3=", "0-1="]
    expected = []
    for prompt in prompts:
        tokens = encode(prompt)
        for _ in range(6):
            tokens.append(int(model(torch.tensor([tokens])).logits[0, -1].argmax()))
        expected.append(decode(tokens[4:]))
    assert generate(model, prompts, longest=6) == expected
    assert generate(model, prompts, longest=6, batch_size=2) == expected


def test_samples_are_a_function_of_the_seed_and_other_random_numbers_stay() -> None:
    model = new_decoder(25_000, seed=0)
    torch.manual_seed(1)
    first = generate(model, ["1+2="] * 20, longest=6, temperature=1.0, seed=5)
    after = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), after)
    assert generate(model, ["1+2="] * 20, longest=6, temperature=1.0, seed=5) == first
    assert generate(model, ["1+2="] * 20, longest=6, temperature=1.0, seed=6) != first
    assert len(set(first)) > 1


def test_samples_at_the_least_temperature_are_the_greedy_texts_also_where_logits_are_large() -> None:
    model = new_decoder(25_000, seed=0)
    with torch.no_grad():
        model.model.norm.weight.mul_(1e6)
    prompts = ["1+2=", "3*3=", "0-1="]
    greedy = generate(model, prompts, longest=6)
    assert generate(model, prompts, longest=6, temperature=LEAST_TEMPERATURE, seed=5) == greedy
