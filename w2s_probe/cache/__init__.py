"""The feature cache: the only place where embedding and analysis meet."""

from w2s_probe.cache.keys import item_digests, shard_name
from w2s_probe.cache.location import default_cache
from w2s_probe.cache.store import SHARD_ROWS, Contents, FeatureStore

__all__ = ["SHARD_ROWS", "Contents", "FeatureStore", "default_cache", "item_digests", "shard_name"]
