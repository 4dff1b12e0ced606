"""Feature cache: backbones write features to it, analyses read features from it."""

from w2s_probe.cache.cleaning import REASONS, Freed, clean
from w2s_probe.cache.contents import Contents
from w2s_probe.cache.faults import FaultyFileError
from w2s_probe.cache.keys import Digests, item_digests, label_digests, shard_name
from w2s_probe.cache.names import check_case, check_name, fingerprints_by_name, names_in, point
from w2s_probe.cache.open_shards import Step
from w2s_probe.cache.quarantine import quarantined
from w2s_probe.cache.shipped import SHIPPED, shipped_spec
from w2s_probe.cache.store import SHARD_ROWS, FeatureStore
from w2s_probe.cache.stored_types import storable
from w2s_probe.cache.verifying import Verification, verify
from w2s_probe.core.location import default_cache

__all__ = [
    "REASONS",
    "SHARD_ROWS",
    "SHIPPED",
    "Contents",
    "Digests",
    "FaultyFileError",
    "FeatureStore",
    "Freed",
    "Step",
    "Verification",
    "check_case",
    "check_name",
    "clean",
    "default_cache",
    "fingerprints_by_name",
    "item_digests",
    "label_digests",
    "names_in",
    "point",
    "quarantined",
    "shard_name",
    "shipped_spec",
    "storable",
    "verify",
]
