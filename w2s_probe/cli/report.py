"""``w2s-probe report``: a report again from its numbers."""

from __future__ import annotations

from pathlib import Path

import click

from w2s_probe.cli.options import json_option


@click.command()
@click.argument("folder", metavar="DIR")
@click.option("--markdown", is_flag=True, help="Print the Markdown, and write nothing.")
@json_option
def report(*, folder: str, markdown: bool, as_json: bool) -> None:
    """Rebuild report.html and report.md from the result.json in DIR, and print the tables.

    The pages are those that --out DIR of `run`, `forecast`, `sweep`, `diagnose` or `theory` wrote, byte for byte,
    if the same w2s_probe did. With --json nothing is written, and what that verb's --json printed is printed.

    \b
    Example:
      w2s-probe report out/demo
      w2s-probe report out/demo --markdown | gh pr comment -F -
    """
    from w2s_probe.cli.runtime import say
    from w2s_probe.report import load_results, write_report
    from w2s_probe.report.kinds import kind_of
    from w2s_probe.report.render.markdown import page_markdown

    result, versions = load_results(Path(folder))
    kind = kind_of(result)
    if as_json:
        click.echo(result.to_json())
    elif markdown:
        click.echo(page_markdown(kind.page(result), versions), nl=False)
    else:
        write_report(result, versions, Path(folder))
        say(kind.text(result))
        say(f"wrote {folder}/report.html and report.md")
