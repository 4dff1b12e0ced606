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
    """Rebuild the report of a result.

    \b
    Example:
      w2s-probe report out/demo
      w2s-probe report out/demo --markdown | gh pr comment -F -

    Reads the result.json that --out DIR of `run`, `forecast`, `sweep`, `diagnose`, `finetune`, `reason`
    or `theory` wrote, writes report.html and report.md again, byte for byte if the version of w2s_probe
    is the same, and prints the tables. With --json nothing is written, and the verb's JSON is printed.
    """
    from w2s_probe.cli.streams import say, say_json
    from w2s_probe.report import load_results, write_report
    from w2s_probe.report.kinds import kind_of
    from w2s_probe.report.render.markdown import page_markdown

    saved = load_results(Path(folder))
    result, versions, fingerprint = saved
    kind = kind_of(result)
    if as_json:
        say_json(result.to_json())
    elif markdown:
        say(page_markdown(kind.page(result), versions, fingerprint=fingerprint).removesuffix("\n"))
    else:
        write_report(saved, Path(folder))
        say(kind.text(result))
        say(f"wrote {folder}/report.html and report.md")
