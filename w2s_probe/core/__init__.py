"""Settings, features, labels, groups, splits and errors, used by every layer; checks of files; JSON."""
