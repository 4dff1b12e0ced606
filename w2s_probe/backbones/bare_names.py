"""Which backbone was meant by a file, a folder or a hub name without KIND."""

from __future__ import annotations

import json
import re
from glob import has_magic
from pathlib import Path

from w2s_probe.backbones.model_files import adapter_advice

FEATURES = (".npy", ".npz", ".safetensors", ".parquet")
EXAMPLES = "Write features:FILE for features, or sentence-transformers:FOLDER for a model."
WEIGHTS = (".pt", ".pth", ".bin", ".ckpt")
_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+", flags=re.ASCII)
_CLIP = re.compile(r"(hf-hub:|ViT-|RN\d|convnext|EVA|coca_|SigLIP|MobileCLIP)", flags=re.IGNORECASE)


def bare_name_advice(name: str) -> str:
    """Return `` Did you mean KIND:NAME?`` for a file, a folder or a hub name; an empty string for other names."""
    path = Path(name).expanduser()
    try:
        folder, file = path.is_dir(), path.is_file()
    except (OSError, ValueError):  # too long for a path, or with a null character
        return ""
    suffix = path.suffix.lower()
    meant = ""
    if folder:
        meant = _of_folder(path, name)
    elif suffix in FEATURES and (file or has_magic(name)):
        meant = f"features:{name}"
    elif suffix in FEATURES or name.startswith(("./", "../", "/", "~")):
        return f" There is no {'file' if suffix in FEATURES else 'folder'} {name}. {EXAMPLES}"
    elif suffix in WEIGHTS:
        meant = f"timm:MODEL@{name}, or open_clip:MODEL/{name}"
    elif name.startswith("timm/"):
        meant = f"timm:{name.removeprefix('timm/')}"
    elif _HUB.fullmatch(name):
        meant = f"{'open_clip' if _CLIP.match(name) else 'sentence-transformers'}:{name}"
    return f" Did you mean {meant}?" if meant else ""


def _of_folder(folder: Path, name: str) -> str:
    """Return the backbone of a folder by its files; a causal language model has no embedding of a text."""
    if any((folder / file).exists() for file in ("open_clip_config.json", "open_clip_model.safetensors")):
        return f"open_clip:{name}"
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        config = {}
    model = config.get("architecture") if isinstance(config, dict) else None
    weights = [file.name for file in sorted(folder.iterdir()) if file.suffix in (*WEIGHTS, ".safetensors")]
    if isinstance(model, str) and weights:
        return f"timm:{model}@{name.rstrip('/')}/{weights[0]}"
    heads = config.get("architectures") if isinstance(config, dict) else None
    causal = isinstance(heads, list) and any(str(head).endswith(("ForCausalLM", "LMHeadModel")) for head in heads)
    if adapter_advice(folder) or (causal and not (folder / "modules.json").exists()):
        return f"transformers:{name}"
    suffixes = {file.suffix for file in folder.iterdir()}
    return f"{'features' if suffixes & set(FEATURES) and '.json' not in suffixes else 'sentence-transformers'}:{name}"
