"""Charts as SVG, with the page's ink."""
