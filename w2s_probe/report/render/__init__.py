"""A report as HTML, as Markdown, and as text for the terminal."""
