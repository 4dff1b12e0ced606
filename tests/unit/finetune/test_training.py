"""The training loop: gradients, schedule, order of rows, exact resume after any step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import softmax

from w2s_probe.core.errors import ConfigError
from w2s_probe.core.fit_options import FitOptions, LossName
from w2s_probe.finetune.checkpoints import Checkpoint
from w2s_probe.finetune.losses import loss_rows
from w2s_probe.finetune.training import Plan, train
from w2s_probe.heads.losses import get_loss

ROWS, WIDTH, CLASSES = 21, 5, 3


def data(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    targets = softmax(rng.standard_normal((ROWS, CLASSES)), axis=1)
    return torch.as_tensor(rng.standard_normal((ROWS, WIDTH))), torch.as_tensor(targets)


def network(seed: int = 0) -> torch.nn.Sequential:
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Linear(WIDTH, 8), torch.nn.Tanh(), torch.nn.Dropout(0.3), torch.nn.Linear(8, CLASSES)
    ).double()


def trained(plan: Plan, checkpoint: Checkpoint | None = None, *, stop_at: int | None = None) -> torch.nn.Module:
    X, P = data()
    model = network()

    def on_step(done: int, total: int) -> None:
        if done == stop_at:
            raise KeyboardInterrupt

    def loss(rows: np.ndarray[tuple[int], np.dtype[np.intp]]) -> torch.Tensor:
        return loss_rows(model(X[rows]), P[rows], FitOptions()).mean()

    lengths = np.arange(ROWS) % 7
    records = train(model, loss, lengths=lengths, plan=plan, checkpoint=checkpoint, on_step=on_step)
    assert len(records) == (plan.epochs if plan.updates is None else -(-plan.updates // -(-ROWS // plan.batch_size)))
    return model


@pytest.mark.parametrize("loss", ["ce", "reverse_kl", "gce", "confidence"])
def test_losses_and_gradients_equal_those_of_the_heads(loss: LossName) -> None:
    rng = np.random.default_rng(1)
    F, P = rng.standard_normal((9, 3)), softmax(rng.standard_normal((9, 3)), axis=1)
    options = FitOptions(kind="softmax", loss=loss, exponent=0.4, confidence=0.3)
    value, gradient = get_loss(loss, exponent=0.4, confidence=0.3)(F, P)
    logits = torch.tensor(F, requires_grad=True)
    rows = loss_rows(logits, torch.tensor(P), options)
    rows.sum().backward()  # type: ignore[no-untyped-call]
    np.testing.assert_allclose(rows.detach().numpy(), value, atol=1e-12)
    assert logits.grad is not None
    np.testing.assert_allclose(logits.grad.numpy(), gradient, atol=1e-12)


def test_each_epoch_has_every_row_once_in_batches_of_similar_length() -> None:
    plan, lengths = Plan(epochs=2, lr=1.0, batch_size=8, seed=3), np.random.default_rng(0).integers(99, size=100)
    epochs = [plan.batches(lengths, epoch) for epoch in range(2)]
    for batches in epochs:
        assert sorted(np.concatenate(batches).tolist()) == list(range(100))
        assert max(np.ptp(lengths[rows]) for rows in batches) < 20
    assert [rows.tolist() for rows in epochs[0]] != [rows.tolist() for rows in epochs[1]]
    assert [r.tolist() for r in plan.batches(lengths, 0)] == [r.tolist() for r in epochs[0]]


def test_the_rate_rises_and_falls_linearly() -> None:
    plan = Plan(epochs=1, lr=2.0, warmup=0.25)
    rates = [plan.rate(step, 20) for step in range(20)]
    assert rates[:5] == pytest.approx([0.4, 0.8, 1.2, 1.6, 2.0])
    assert np.diff(rates[5:]) == pytest.approx(np.full(14, -2 / 15))
    assert rates[-1] == pytest.approx(2 / 15)


def test_the_same_seed_gives_the_same_weights_and_leaves_random_numbers_alone() -> None:
    plan = Plan(epochs=2, lr=0.05, batch_size=4, seed=1)
    first = trained(plan).state_dict()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    X, P = data()
    model = network()
    torch.manual_seed(5)
    train(
        model,
        lambda rows: loss_rows(model(X[rows]), P[rows], FitOptions()).mean(),
        lengths=np.arange(ROWS) % 7,
        plan=plan,
    )
    assert torch.equal(torch.rand(3), expected)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, first[name])


@pytest.mark.parametrize("updates", [1, 5, 6, 7, 12, 20])
def test_a_training_ends_after_its_updates_and_its_rate_falls_over_exactly_these(updates: int) -> None:
    X, P = data()
    model, batches, told = network(), [], []

    def loss(rows: np.ndarray[tuple[int], np.dtype[np.intp]]) -> torch.Tensor:
        batches.append(rows.tolist())
        return loss_rows(model(X[rows]), P[rows], FitOptions()).mean()

    plan = Plan(updates=updates, lr=0.05, batch_size=4)  # 6 steps are an epoch
    records = train(
        model, loss, lengths=np.zeros(ROWS, dtype=np.intp), plan=plan, on_step=lambda *each: told.append(each)
    )
    assert told == [(done, updates) for done in range(1, updates + 1)]
    assert len(records) == -(-updates // 6)
    epochs = [plan.batches(np.zeros(ROWS, dtype=np.intp), epoch) for epoch in range(4)]
    assert batches == [rows.tolist() for epoch in epochs for rows in epoch][:updates]


def test_whole_epochs_as_updates_give_the_same_bits() -> None:
    whole = trained(Plan(epochs=2, lr=0.05, batch_size=4, seed=2)).state_dict()
    for name, tensor in trained(Plan(updates=12, lr=0.05, batch_size=4, seed=2)).state_dict().items():
        assert torch.equal(tensor, whole[name])


@pytest.mark.parametrize("stop_at", [1, 6, 9, 13])
def test_a_training_of_so_many_updates_is_resumed_with_the_same_bits(stop_at: int, tmp_path: Path) -> None:
    plan = Plan(updates=14, lr=0.05, batch_size=4, seed=2)
    whole = trained(plan).state_dict()
    checkpoint = Checkpoint(path=tmp_path / "c.safetensors", key="k", steps=1 + stop_at % 5)
    with pytest.raises(KeyboardInterrupt):
        trained(plan, checkpoint, stop_at=stop_at)
    for name, tensor in trained(plan, checkpoint).state_dict().items():
        assert torch.equal(tensor, whole[name])


@pytest.mark.parametrize("stop_at", range(1, 18))
def test_a_training_resumed_after_any_step_ends_with_the_same_bits(stop_at: int, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    plan = Plan(epochs=3, lr=0.05, batch_size=4, seed=2)  # 18 steps
    whole = trained(plan).state_dict()
    checkpoint = Checkpoint(path=tmp_path / "c.safetensors", key="k", steps=1 + stop_at % 5)
    with pytest.raises(KeyboardInterrupt):
        trained(plan, checkpoint, stop_at=stop_at)
    for name, tensor in trained(plan, checkpoint).state_dict().items():
        assert torch.equal(tensor, whole[name])


def test_a_damaged_or_foreign_checkpoint_is_not_used(tmp_path: Path) -> None:
    plan, path = Plan(epochs=3, lr=0.05, batch_size=4, seed=2), tmp_path / "c.safetensors"
    checkpoint = Checkpoint(path=path, key="k", steps=2)
    with pytest.raises(KeyboardInterrupt):
        trained(plan, checkpoint, stop_at=7)
    content, whole = path.read_bytes(), trained(plan).state_dict()
    header = 8 + int.from_bytes(content[:8], "little")
    for place in [*range(8, header, 3), *range(header, len(content), 97)]:
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        model = network()
        assert checkpoint.restore(model, torch.optim.AdamW(model.parameters()))[0] in (0, 6)
    path.write_bytes(content)
    other = Checkpoint(path=path, key="another", steps=2)
    for name, tensor in trained(plan, other).state_dict().items():
        assert torch.equal(tensor, whole[name])


def test_training_stops_after_the_epoch_that_was_waited_for() -> None:
    X, P = data()
    model = network()
    records = train(
        model,
        lambda rows: loss_rows(model(X[rows]), P[rows], FitOptions()).mean(),
        lengths=np.zeros(ROWS, dtype=np.intp),
        plan=Plan(epochs=9, lr=0.01, batch_size=8),
        evaluate=lambda: {"weight": model.state_dict()["0.weight"].numpy().copy()},
        stop=lambda record: bool(record["weight"].any()),
    )
    assert len(records) == 1


def test_a_training_that_diverges_is_one_line() -> None:
    X, P = data()
    model = network()
    options, far = FitOptions(), 1e200
    with pytest.raises(ConfigError, match=r"it diverged with `lr` 0\.5\. Use a smaller one, such as 0\.05\."):
        train(
            model,
            lambda rows: loss_rows(model(X[rows]) * far, P[rows], options).mean() * far,
            lengths=np.zeros(ROWS, dtype=np.intp),
            plan=Plan(epochs=1, lr=0.5, batch_size=4),
        )
