"""From a table and the names of backbones to arrays, and from there to a result: one file a verb."""
