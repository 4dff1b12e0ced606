"""What every layer uses: configs, features, labels, groups, splits, errors; files that nobody should trust; JSON."""
