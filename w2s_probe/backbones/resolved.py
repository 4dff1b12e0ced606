"""Pooling, normalization, longest text and prompt of a sentence-transformers model, as they were resolved.

A folder that leaves one of them open gets the library's default, which has changed between releases. The answer is
therefore part of the spec: read from the folder where it decides everything, else from the loaded model.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from w2s_probe.core.errors import BackboneError
from w2s_probe.core.files import is_regular_file
from w2s_probe.core.text_settings import TextSettings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

TEXT_CONFIGS = ("sentence_bert_config.json", "sentence_roberta_config.json", "sentence_distilbert_config.json")
MODES = {  # flags of older folders, in the order in which their vectors are joined
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
NO_LIMIT = 10**9  # transformers writes 10**30 where a tokenizer has no limit
STATIC = "StaticEmbedding"
KNOWN = (
    "Transformer",
    "Pooling",
    "Normalize",
    "Dense",
    "LayerNorm",
    "Dropout",
    STATIC,
)  # modules whose files decide all that is resolved
KNOWN_KEYS = {"max_seq_length", "do_lower_case", "transformer_task", "modality_config", "module_output_name"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Fields of an `EmbeddingSpec`, in words, and the most tokens of a text that are read (None: any number).

    `route` is that of texts through a Router, which the files of the model decide; it is told, and in no field.
    """

    pooling: str
    normalization: str
    limit: int | None
    prompt: str
    route: str = ""

    @property
    def preprocessing(self) -> str:
        """The longest text in words."""
        return "tokens of any number" if self.limit is None else f"at most {self.limit} tokens"

    def fields(self) -> dict[str, str]:
        """Return the fields of the spec by name."""
        names = ("pooling", "normalization", "preprocessing", "prompt")
        return {name: getattr(self, name) for name in names}

    def changed(self, settings: TextSettings, *, name: str) -> Resolved:
        """Return what is resolved with another longest text and prompt, for the model `name`.

        Raises
        ------
        BackboneError
            If it is to read more tokens than it can.
        """
        asked, own = settings.max_length, self.limit
        if asked is not None and (own is None or asked > own):
            use = f"at most {own}, its limit" if own else "left out: it reads texts of any length"
            msg = f"`max_length` must be {use}, for {name}: got {asked}. Use another number, or leave it out."
            raise BackboneError(msg)
        return replace(self, limit=asked or own, prompt=settings.prefix or self.prompt)

    @property
    def summary(self) -> str:
        """All fields in one line."""
        prompt = f", prompt {self.prompt!r:.60}" if self.prompt else ""
        route = f" (route {self.route!r:.40})" if self.route else ""
        return f"pooling {self.pooling}{route}, normalization {self.normalization}, {self.preprocessing}{prompt}"


def resolved_from_folder(folder: Path) -> Resolved | None:
    """Return what the files of a model's folder decide; None if a default of the library decides a part of it."""
    modules = _json(folder / "modules.json")
    if not isinstance(modules, list) or not all(isinstance(module, dict) for module in modules):
        return None
    kinds = [str(module.get("type", "")).rpartition(".")[2] for module in modules]
    limit = _limit(folder / str(modules[0].get("path", "")), kinds[0]) if modules else None
    names = {str(module.get("name")) for module in modules}  # of two modules of one name only the last is loaded
    if limit is None or not set(kinds) <= set(KNOWN) or len(names) < len(modules):
        return None
    places = [folder / str(module.get("path", "")) for module in modules]
    steps = [_step(kind, _mapping(place / "config.json")) for kind, place in zip(kinds, places, strict=True)]
    whole = _mapping(folder / "config_sentence_transformers.json")
    prompts, default = whole.get("prompts"), whole.get("default_prompt_name")
    prompt = prompts.get(default) if isinstance(prompts, dict) else None
    return _resolved(steps, limit=limit, prompt=prompt, width=whole.get("truncate_dim"))


def resolved_from_model(model: SentenceTransformer) -> Resolved:
    """Return what a loaded model does."""
    steps = [
        _step(type(module).__name__, {key: getattr(module, key, None) for key in ("pooling_mode", "include_prompt")})
        for module in model
    ]
    prompt = model.prompts.get(model.default_prompt_name) if model.default_prompt_name else None
    resolved = _resolved(steps, limit=model.max_seq_length or NO_LIMIT, prompt=prompt, width=model.truncate_dim)
    return replace(resolved, route=", then ".join(route for module in model if (route := _route(module))))


def unused_prompts(folder: Path) -> dict[str, str]:
    """Return the prompts of a model's folder by name, if it has some and none is read by default."""
    whole = _mapping(folder / "config_sentence_transformers.json")
    prompts = whole.get("prompts")
    if not isinstance(prompts, dict) or whole.get("default_prompt_name"):
        return {}
    return {str(name): prompt for name, prompt in prompts.items() if isinstance(prompt, str) and prompt}


def _resolved(steps: Iterable[str], *, limit: int, prompt: Any, width: Any) -> Resolved:
    steps = [*steps]
    cut = [f"first {width} dimensions"] if width else []
    return Resolved(
        pooling=", then ".join([step for step in steps if step not in ("Transformer", "Normalize")] + cut) or "none",
        normalization="l2" if steps[-1:] == ["Normalize"] else "none",
        limit=None if limit >= NO_LIMIT else limit,
        prompt=str(prompt or ""),
    )


def _step(kind: str, config: Mapping[str, Any]) -> str:
    """Return a module in words."""
    if kind == STATIC:
        return "mean of token vectors"
    if kind != "Pooling":
        return kind
    modes = config.get("pooling_mode") or [mode for flag, mode in MODES.items() if config.get(flag)] or ["mean"]
    name = modes if isinstance(modes, str) else "+".join(map(str, modes))
    return name if config.get("include_prompt", True) is not False else f"{name} without the prompt's tokens"


def _route(module: Any) -> str:
    """Return the route that a Router takes for texts without a task; empty for other modules."""
    mappings, routes = getattr(module, "route_mappings", None) or {}, getattr(module, "sub_modules", ())
    mapped = mappings.get((None, "text")) or mappings.get((None, None)) or ("text" if "text" in routes else None)
    return str(mapped or getattr(module, "default_route", None) or "")


def _limit(folder: Path, kind: str) -> int | None:
    """Return the most tokens of a text that the first module reads, or None if its files do not say."""
    if kind == STATIC:
        return NO_LIMIT
    config = next((config for name in TEXT_CONFIGS if (config := _mapping(folder / name))), {})
    if not config.keys() <= KNOWN_KEYS:
        return None
    if "max_seq_length" in config:
        return _whole(config["max_seq_length"])
    tokens = _whole(_mapping(folder / "tokenizer_config.json").get("model_max_length"))
    positions = _whole(_mapping(folder / "config.json").get("max_position_embeddings"))
    return min(tokens, positions) if tokens and positions else None


def _whole(value: object) -> int | None:
    return value if type(value) is int and value > 0 else None


def _mapping(path: Path) -> dict[str, Any]:
    content = _json(path)
    return content if isinstance(content, dict) else {}


def _json(path: Path) -> Any:
    """Return the content of a file, or None; loading the model says what is wrong with it."""
    try:
        return json.loads(path.read_text(encoding="utf-8")) if is_regular_file(path) else None
    except (OSError, ValueError, RecursionError):
        return None
