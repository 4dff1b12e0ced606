"""Models by their name on the hub: from this machine if they are here, else from the network, with a time limit."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from w2s_probe.backbones.identity import NOT_WEIGHTS
from w2s_probe.core.errors import BackboneError

HUB_SECONDS = 5


def hub_folder(repository: str, *, kind: str) -> Path:
    """Return the local copy of a whole model, downloaded first if it is not here.

    Parameters
    ----------
    repository : str
        As in ``organization/model``.
    kind : str
        Kind of the backbone, for messages.

    Raises
    ------
    BackboneError
        If the name cannot be one, or the model is neither here nor within reach.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repository, local_files_only=True))
    except HFValidationError:
        msg = f"{kind}: must be followed by a folder or a model name: got {repository!r}. Check the path."
        raise BackboneError(msg) from None
    except LocalEntryNotFoundError:
        return _download(
            lambda: snapshot_download(repository, ignore_patterns=list(NOT_WEIGHTS)), repository, kind=kind
        )


def hub_file(repository: str, names: Sequence[str], *, kind: str) -> Path:
    """Return the local copy of the first of these files that a model has.

    Parameters
    ----------
    repository, kind
        As in `hub_folder`.
    names : sequence of str
        Files, the best first.

    Raises
    ------
    BackboneError
        If none of them is here or within reach.
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    for name in names:
        here = try_to_load_from_cache(repository, name)
        if isinstance(here, str):
            return Path(here)

    def download() -> str:
        for name in names[:-1]:
            try:
                return hf_hub_download(repository, name)
            except LocalEntryNotFoundError:
                raise
            except EntryNotFoundError:
                continue
        return hf_hub_download(repository, names[-1])

    return _download(download, repository, kind=kind)


def first_line(error: BaseException) -> str:
    """Return what an error says first, without its full stop."""
    return str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__


def _download(fetch: Callable[[], str], repository: str, *, kind: str) -> Path:
    from huggingface_hub import constants
    from huggingface_hub.errors import EntryNotFoundError

    try:
        if not constants.HF_HUB_OFFLINE:
            _reach(f"{constants.ENDPOINT}/api/models/{repository}")
        return Path(fetch())
    except (OSError, ValueError, EntryNotFoundError) as error:  # the hub's and the network's errors
        msg = (
            f"{kind}:{repository} must be a model on the hub or a local folder: it is neither on this "
            f"machine nor could it be fetched ({first_line(error)}). Check the name and the network, or give a folder."
        )
        raise BackboneError(msg) from error


def _reach(url: str) -> None:
    """Raise `OSError` if nobody answers soon: the hub's own first request has no time limit."""
    try:
        with urllib.request.urlopen(url, timeout=HUB_SECONDS):  # noqa: S310  # the hub's endpoint, from its settings
            pass
    except urllib.error.HTTPError:
        return  # somebody answered: what they say is for the hub's client, which has the user's token
