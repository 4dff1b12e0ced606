"""Encoders and classifiers: zero epochs are the frozen student, gradients are analytic, chosen parameters move."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from scipy.special import softmax

from tests.decoders import save_gpt2, save_llama, tiny_decoder
from tests.tiny_models import texts_with_labels, tiny_encoder
from w2s_probe.backbones import BackboneOptions, get_backbone
from w2s_probe.backbones.identity import HashedFiles
from w2s_probe.backbones.packaged_decoder import SmolLM2
from w2s_probe.core.errors import BackboneError, ConfigError
from w2s_probe.core.finetune_config import FinetuneConfig
from w2s_probe.core.fit_options import FitOptions
from w2s_probe.core.types import Float
from w2s_probe.finetune import parameters
from w2s_probe.finetune.classifier import Classifier
from w2s_probe.finetune.encoders import Encoder, encoder_of
from w2s_probe.finetune.fitting import Fitter, _Losses, _parts, memory_errors
from w2s_probe.finetune.losses import loss_rows
from w2s_probe.finetune.parameters import check_memory, choose_parameters, count_parameters
from w2s_probe.finetune.tasks import Task
from w2s_probe.finetune.training import Plan, train
from w2s_probe.heads.linear import LinearHead
from w2s_probe.heads.softmax import fit_softmax

TEXTS, NAMES = texts_with_labels(60)
ROWS = np.arange(60)
LABELS = np.eye(2)[[int(name == "good") for name in NAMES]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def encoder(folder: Path) -> Encoder:
    return encoder_of(get_backbone(f"sentence-transformers:{folder}", BackboneOptions()))


@pytest.fixture
def features(folder: Path) -> Float:
    encoded = get_backbone(f"sentence-transformers:{folder}", BackboneOptions()).encode(TEXTS)
    return np.asarray(encoded, dtype=np.float64)


def head_on(X: Float) -> LinearHead:
    return fit_softmax(X, LABELS, scale="standard", alpha=1.0)


def test_zero_epochs_are_the_frozen_head(encoder: Encoder, features: Float) -> None:
    X = features
    head = head_on(X)
    classifier = Classifier(encoder, TEXTS, X, classes=2)
    classifier.reset(head)
    encoder.check(TEXTS, X)
    own = softmax(classifier.predict(ROWS, 7), axis=1)
    np.testing.assert_allclose(own, head.probabilities(head.scores(X)), atol=1e-5)


def test_a_step_on_the_head_alone_is_the_analytic_softmax_gradient(encoder: Encoder, features: Float) -> None:
    X = features
    classifier = Classifier(encoder, TEXTS, X, classes=2)
    head, weights = head_on(X), np.random.default_rng(0).random(len(X))
    classifier.reset(head)
    rng = np.random.default_rng(0)
    targets = softmax(rng.standard_normal((len(X), 2)), axis=1)
    task = Task(
        name="finetuned",
        frozen="vanilla",
        rows=np.arange(len(X)),
        targets=targets,
        head=head,
        options=FitOptions(kind="softmax"),
        chosen_by="held_out_pseudolabels",
        weights=weights,
    )
    losses, rate = _Losses(classifier, task), 0.1
    step = torch.optim.SGD(classifier.head.parameters(), lr=rate)
    losses.of(np.arange(len(X))).backward()  # type: ignore[no-untyped-call]
    step.step()
    w = weights / weights.mean()
    excess = w[:, None] * (head.probabilities(head.scores(X)) - targets) / len(X)
    moved = classifier.head.weight.detach().numpy().T
    np.testing.assert_allclose(moved, head.coef - rate * X.T @ excess, atol=1e-5)
    np.testing.assert_allclose(classifier.head.bias.detach().numpy(), head.intercept - rate * excess.sum(0), atol=1e-5)


def test_a_faint_feature_neither_stops_the_training_nor_changes_the_start(encoder: Encoder) -> None:
    norm = [module for module in encoder.module.modules() if isinstance(module, torch.nn.LayerNorm)][-1]
    with torch.no_grad():
        norm.weight[3], norm.bias[3] = 1e-32, 0.0
        encoder.module.eval()
        X = encoder.features(TEXTS).double().numpy()
    classifier, head = Classifier(encoder, TEXTS, X, classes=2), head_on(X)
    classifier.reset(head)
    before = classifier.predict(ROWS, 16)
    np.testing.assert_allclose(softmax(before, axis=1), head.probabilities(head.scores(X)), atol=1e-4)
    P = torch.tensor(LABELS, dtype=torch.float32)
    train(
        classifier,
        lambda rows: loss_rows(classifier.logits(rows), P[rows], FitOptions()).mean(),
        lengths=np.zeros(len(X), dtype=np.intp),
        plan=Plan(epochs=4, lr=3e-3, batch_size=8),
    )
    after = classifier.predict(ROWS, 16)
    assert np.abs(after - before).max() > 0.05
    assert (after.argmax(axis=1) == LABELS.argmax(axis=1)).mean() > 0.9


def test_reset_undoes_training(encoder: Encoder, features: Float) -> None:
    X = features
    classifier = Classifier(encoder, TEXTS, X, classes=2)
    classifier.reset(head_on(X))
    before = classifier.predict(ROWS, 16)
    with torch.no_grad():
        for parameter in classifier.parameters():
            parameter.add_(0.1)
    assert np.abs(classifier.predict(ROWS, 16) - before).max() > 1e-3
    classifier.reset(head_on(X))
    np.testing.assert_array_equal(classifier.predict(ROWS, 16), before)


def test_features_of_another_model_are_refused(encoder: Encoder, features: Float) -> None:
    X = features
    with pytest.raises(BackboneError, match="same features in training as frozen"):
        encoder.check(TEXTS, X + 0.1 * np.random.default_rng(0).standard_normal(X.shape))
    with pytest.raises(BackboneError, match="same features in training as frozen"):
        encoder.check(TEXTS, X[:, :-1])


@pytest.mark.parametrize(("layers", "blocks"), [(None, 3), (2, 2), (1, 1), (0, 0)])
def test_layers_choose_blocks_from_the_top(encoder: Encoder, layers: int | None, blocks: int) -> None:
    choose_parameters(encoder, layers=layers, lora=False)
    trained = {name for name, parameter in encoder.module.named_parameters() if parameter.requires_grad}
    assert any("embeddings" in name for name in trained) == (layers is None)
    assert sum(any(f"layer.{i}." in name for name in trained) for i in range(2)) == min(blocks, 2)
    assert any("layer.0." in name for name in trained) == (blocks >= 2)


def test_more_layers_than_there_are_is_an_error(encoder: Encoder) -> None:
    with pytest.raises(ConfigError, match=r"`layers` must be at most 2, the blocks of .*: got 3"):
        choose_parameters(encoder, layers=3, lora=False)


def test_adapters_change_nothing_before_training_and_are_all_that_is_trained(encoder: Encoder, features: Float) -> None:
    X = features
    choose_parameters(encoder, layers=1, lora=True)
    encoder.check(TEXTS, X)
    trained, every = count_parameters(encoder.module)
    assert 0 < trained < every
    names = [name for name, parameter in encoder.module.named_parameters() if parameter.requires_grad]
    assert all("lora_" in name and "layer.0." not in name for name in names)


def test_parameters_that_decide_no_feature_are_not_trained(encoder: Encoder) -> None:
    choose_parameters(encoder, layers=None, lora=False)
    trained = {name for name, parameter in encoder.module.named_parameters() if parameter.requires_grad}
    assert not any("pooler" in name for name in trained)
    encoder.features(TEXTS[:3]).square().sum().backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None for p in encoder.module.parameters() if p.requires_grad)


@pytest.mark.parametrize("save", [save_llama, save_gpt2])
def test_below_an_exit_there_are_no_blocks_to_train(save: Callable[[Path], Path], tmp_path: Path) -> None:
    encoder = encoder_of(get_backbone(f"transformers:{save(tmp_path / 'm')}@0:mean", BackboneOptions()))
    with pytest.raises(ConfigError, match="`layers` must be at most 0"):
        choose_parameters(encoder, layers=1, lora=False)
    with pytest.raises(ConfigError, match="`lora` needs linear layers"):
        choose_parameters(encoder, layers=None, lora=True)
    choose_parameters(encoder, layers=None, lora=False)
    trained = {name for name, parameter in encoder.module.named_parameters() if parameter.requires_grad}
    assert trained
    assert not any(".0." in name for name in trained)


@pytest.mark.parametrize("save", [save_llama, save_gpt2])
def test_adapters_of_decoders_are_in_their_top_blocks(save: Callable[[Path], Path], tmp_path: Path) -> None:
    encoder = encoder_of(get_backbone(f"transformers:{save(tmp_path / 'm')}@2:mean", BackboneOptions()))
    choose_parameters(encoder, layers=1, lora=True)
    names = [name for name, parameter in encoder.module.named_parameters() if parameter.requires_grad]
    assert names
    assert all("lora_" in name and ".1." in name for name in names)


@pytest.mark.parametrize("ending", [0, 1])
def test_labels_of_held_out_rows_decide_no_weight(encoder: Encoder, features: Float, ending: int) -> None:
    blocks = np.arange(60) // 3  # three rows of one item each
    fitter = Fitter(
        classifier=Classifier(encoder, TEXTS, features, classes=2),
        digests=np.arange(60).astype("S16"),
        X=features,
        blocks=blocks,
        config=FinetuneConfig(lr=3e-3, batch_size=8),
        origin="tiny",
    )
    rows, apart = _parts(blocks, ending)
    assert (len(rows), len(apart)) == (54, 6)
    assert not set(blocks[rows]) & set(blocks[apart])
    changed = LABELS.copy()
    changed[apart] = changed[apart, ::-1]
    done = [
        fitter.fit(
            Task(
                name="finetuned",
                frozen="vanilla",
                rows=ROWS,
                targets=targets,
                head=fit_softmax(features, targets, scale="standard", alpha=1.0),
                options=FitOptions(kind="softmax", scale="standard"),
                chosen_by="held_out_pseudolabels",
            ),
            seed=ending,
            test=ROWS,
            frozen_scores=np.zeros((60, 2)),
        )[0]
        for targets in (LABELS, changed)
    ]
    np.testing.assert_array_equal(done[0].logits[1:], done[1].logits[1:])
    assert done[0].held_out != done[1].held_out


def test_one_block_is_trained_on_and_held_out() -> None:
    for blocks in (np.zeros(1, dtype=np.intp), np.full(7, 3)):
        rows, apart = _parts(blocks, 0)
        assert rows.tolist() == apart.tolist() == list(range(len(blocks)))
    rows, apart = _parts(np.repeat([0, 1], [30, 2]), 0)
    assert sorted((len(rows), len(apart))) == [2, 30]


@pytest.mark.parametrize(
    "name", ["packaged:wordllama", "classic:hashing-64", "classic:pixels-4x4", "packaged:efficientnet-lite0@2"]
)
def test_backbones_without_weights_to_train_are_refused(name: str) -> None:
    with pytest.raises(BackboneError, match=r"finetune trains models of .*: .* has no such weights\. Use it as the"):
        encoder_of(get_backbone(name, BackboneOptions()))


def test_a_static_model_of_sentence_transformers_is_refused(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    tokenizer = Tokenizer(WordLevel({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))  # noqa: S106  # a token of a text
    static = StaticEmbedding(tokenizer, embedding_dim=4)
    SentenceTransformer(modules=[static], device="cpu").save(str(tmp_path / "static"))
    with pytest.raises(BackboneError, match="has no such weights"):
        encoder_of(get_backbone(f"sentence-transformers:{tmp_path / 'static'}", BackboneOptions()))


def test_a_training_without_memory_is_refused_before_it_starts(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained, _ = count_parameters(encoder.module)
    check_memory(encoder.module, "cpu", layers=None, lora=False)
    monkeypatch.setattr(parameters, "_free_bytes", lambda device: 17 * trained)
    with pytest.raises(ConfigError, match=r"training needs about .* GB of free memory .* Use `lora`, or `layers` 2"):
        check_memory(encoder.module, "cpu", layers=None, lora=False)
    monkeypatch.setattr(parameters, "_free_bytes", lambda device: None)
    check_memory(encoder.module, "cpu", layers=None, lora=False)


def test_lack_of_memory_in_training_names_the_batch_size_to_try() -> None:
    for error in (torch.OutOfMemoryError("CUDA"), MemoryError(), RuntimeError("can't allocate memory: 9 bytes")):
        with pytest.raises(ConfigError, match="Use `batch_size` 16"), memory_errors(FinetuneConfig()):
            raise error
    with pytest.raises(ConfigError, match="Use `lora`, or `layers` 2"), memory_errors(FinetuneConfig(batch_size=1)):
        raise MemoryError
    with pytest.raises(RuntimeError, match="shapes"), memory_errors(FinetuneConfig()):
        torch.zeros(2, 3) @ torch.zeros(2, 3)


@pytest.mark.parametrize("name", ["smollm2-135m", "smollm2-135m@0", "smollm2-135m@2"])
def test_a_causal_model_gives_its_frozen_features_with_gradients(name: str) -> None:
    model, tokenizer = tiny_decoder()
    backbone = SmolLM2(name, cast("Any", SimpleNamespace(file=None)), options=BackboneOptions(batch_size=5))
    vars(backbone)["loaded"] = (model, tokenizer)
    vars(backbone)["files"] = HashedFiles({}, name=name)
    frozen = backbone.encode(TEXTS)
    encoder = encoder_of(backbone)
    encoder.check(TEXTS, frozen)
    encoder.features(TEXTS[:3]).sum().backward()  # type: ignore[no-untyped-call]
    assert any(p.grad is not None and bool(p.grad.any()) for p in encoder.module.parameters())


@pytest.mark.parametrize("ending", ["", "@2:mean", "@0:first", "@-1:mean"])
@pytest.mark.parametrize("save", [save_llama, save_gpt2])
def test_a_layer_of_a_language_model_gives_its_frozen_features_with_gradients(
    save: Callable[[Path], Path], ending: str, tmp_path: Path
) -> None:
    backbone = get_backbone(f"transformers:{save(tmp_path / 'm')}{ending}", BackboneOptions(batch_size=5))
    frozen = backbone.encode(TEXTS)
    encoder = encoder_of(backbone)
    encoder.check(TEXTS, frozen)
    blocks = max(len(part) for part in encoder.module.modules() if isinstance(part, torch.nn.ModuleList))
    assert blocks == {"@2:mean": 2, "@0:first": 1}.get(ending, 3)
    encoder.features(TEXTS[:3]).sum().backward()  # type: ignore[no-untyped-call]
    assert any(p.grad is not None and bool(p.grad.any()) for p in encoder.module.parameters())
