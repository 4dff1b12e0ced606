"""Models of the Hugging Face hub: the local copy, or a download with a time limit for the first answer."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from w2s_probe.backbones.model_files import NOT_WEIGHTS
from w2s_probe.core.errors import BackboneError

HUB_SECONDS = 5


def hub_folder(repository: str, *, kind: str, only: list[str] | None = None) -> Path:
    """Return the local copy of a model ``organization/model``, downloaded first if there is none.

    A download fetches the files that match the patterns `only`; by default all but those for other runtimes. Raises
    `BackboneError`, with the `kind` of the backbone, if the name is invalid or the download fails.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repository, local_files_only=True))
    except HFValidationError:
        msg = f"{kind}: must be followed by a folder or a model name: got {repository!r}. Check the name."
        raise BackboneError(msg) from None
    except LocalEntryNotFoundError:
        return _download(
            lambda: snapshot_download(repository, allow_patterns=only, ignore_patterns=list(NOT_WEIGHTS)),
            repository,
            kind=kind,
        )
    except OSError as error:
        raise _unreadable(repository, error, kind=kind) from error


def hub_file(repository: str, names: Sequence[str], *, kind: str) -> Path:
    """Return the local copy of one file of a model, downloaded first if there is none.

    The file is the first of `names` with a local copy, else the first that the model has. Raises `BackboneError`,
    with the `kind` of the backbone, if the download fails.
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    try:
        paths = [try_to_load_from_cache(repository, name) for name in names]
    except OSError as error:
        raise _unreadable(repository, error, kind=kind) from error
    local = next((path for path in paths if isinstance(path, str)), None)
    if local is not None:
        return Path(local)

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
    """Return the first line of an error's message, without its full stop."""
    return str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__


def hub_copy(repository: str) -> Path:
    """Return the folder of all local copies of a model, which need not exist."""
    from huggingface_hub import constants

    return (Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}").resolve()


def repair_advice(place: Path) -> str:
    """Return what to do about a damaged model, given its file or folder."""
    copies = [folder for folder in place.parents if folder.name.startswith("models--")]
    if copies:
        return f"Remove {copies[0]} and run again, which downloads the model."
    return "Save the model again, or replace the damaged file."


def _unreadable(repository: str, error: OSError, *, kind: str) -> BackboneError:
    return BackboneError(
        f"{kind}:{repository} must have a local copy that can be read: {error.strerror or first_line(error)}. "
        f"Remove {hub_copy(repository)} and run again, which downloads the model."
    )


def _download(fetch: Callable[[], str], repository: str, *, kind: str) -> Path:
    from huggingface_hub import constants
    from huggingface_hub.errors import EntryNotFoundError

    try:
        if not constants.HF_HUB_OFFLINE:
            _reach(f"{constants.ENDPOINT}/api/models/{repository}")
        return Path(fetch())
    except (OSError, ValueError, EntryNotFoundError) as error:  # errors of the hub and of the network
        msg = (
            f"{kind}:{repository} must be a model on the hub or a local folder: there is no local copy, and the "
            f"download failed ({first_line(error)}). Check the name and the network, or give a folder."
        )
        raise BackboneError(msg) from error


def _reach(url: str) -> None:
    """Raise `OSError` if the hub does not answer in time: its client's first request has no time limit."""
    try:
        with urllib.request.urlopen(url, timeout=HUB_SECONDS):  # noqa: S310  # the hub's endpoint, from its settings
            pass
    except urllib.error.HTTPError:
        return  # the hub answered; its client, which has the user's token, handles the error
