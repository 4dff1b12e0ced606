"""Built-in data: what is in it, and what its names may be."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections import Counter
from itertools import product
from math import erf, sqrt
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from docs.spam import ADDRESS, TABLE, TOKENS, row, table
from w2s_probe.backbones import get_backbone
from w2s_probe.cli.embed import embed
from w2s_probe.core.config import DataConfig
from w2s_probe.core.errors import DataError
from w2s_probe.datasets import BUILT_IN, Table, open_data
from w2s_probe.datasets.vader import VADER_DOMAINS

SPAM = "cb4ad1fe8191a50472fe1380cb60a955c4721cf330580a89fcb2894fee231c54"
TINTS = "0e104de7fd2b93b1"


def opened(name: str, **columns: Any) -> Table:
    return open_data(DataConfig(data=f"builtin:{name}", **columns))


def test_html_is_in_half_of_the_spam_and_in_188_mails_of_the_ham() -> None:
    mails = opened("spam", group="html")
    cells = Counter(zip(mails.label or [], mails.group or [], strict=True))
    assert cells == {("ham", "no"): 3962, ("ham", "yes"): 188, ("spam", "no"): 953, ("spam", "yes"): 943}
    assert mails.columns == ("id", "label", "html", "text")
    assert mails.has_ids


def test_the_committed_mails_are_those_that_were_measured() -> None:
    assert hashlib.sha256(gzip.decompress(TABLE.read_bytes())).hexdigest() == SPAM
    assert TABLE.stat().st_size < 1_000_000


def test_no_mail_address_is_shipped() -> None:
    texts = opened("spam").items
    assert texts is not None
    assert not [text for text in texts if ADDRESS.search(str(text))]
    assert sum("<email>" in str(text) for text in texts) > 300


MAIL = """From bob@example.org  Thu Aug 22 12:36:23 2002
SUBJECT: Re: the
\tplan
Content-Type: {kind}

{body}"""


@pytest.mark.parametrize(
    ("kind", "body", "html"),
    [
        ("text/plain", "<HTML lang=en>hi", "yes"),
        ("text/html", "<b>hi</b>", "no"),
        ("<html>", "hi", "no"),
        ("text/plain", "html", "no"),
    ],
)
def test_a_mail_is_html_if_its_body_has_the_tag(kind: str, body: str, html: str) -> None:
    assert row("spam-1", "00007", MAIL.format(kind=kind, body=body))[:3] == ("spam-1-00007", "spam", html)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<p\nclass=a>one<br>two", "one two"),
        ("ask ann.b+c@mail.example.org, soon", "ask <email>, soon"),
        ("see http://ann:secret@a.example.org/you?id=7 now", "see http://a.example.org now"),
        ("call 1-800-555-0199 or (212) 555-0100.", "call <phone> or <phone>."),
        ("part A212-555-0100", "part A212-555-0100"),
        ("$555,123,4567 in 1999-2002", "$555,123,4567 in 1999-2002"),
    ],
)
def test_a_mail_is_its_subject_and_body_without_tags_and_addresses(body: str, text: str) -> None:
    assert row("easy-ham-1", "1", MAIL.format(kind="text/plain", body=body))[3] == f"Re: the plan {text}"


def test_a_mail_is_cut_to_its_first_words_and_marks() -> None:
    words = [f"w{i}" for i in range(2 * TOKENS)]
    text = row("easy-ham-1", "1", f"Subject: s\n\n{' '.join(words)}")[3]
    assert text.split() == ["s", *words[: TOKENS - 1]]
    assert row("easy-ham-1", "1", f"Subject: s\n\n{'=20' * TOKENS}")[3] == f"s {'=20' * (TOKENS // 2 - 1)}="


def test_the_table_of_mails_depends_on_no_clock() -> None:
    written = table([("a-1", "ham", "no", 'say "hi", you')])
    assert gzip.decompress(written) == b'id,label,html,text\na-1,ham,no,"say ""hi"", you"\n'
    assert written[4:8] == bytes(4)  # seconds since 1970, in the header of gzip


def test_domains_can_be_put_together() -> None:
    both = opened("vader-product+movie", group="domain")
    movies, products = opened("vader-movie"), opened("vader-product")
    assert set(both.ids) == {*movies.ids, *products.ids}
    assert Counter(both.group or []) == {"movie": len(movies), "product": len(products)}
    assert set(opened("vader-product+movie", group="negation").group or []) == {"yes", "no"}


def test_all_four_domains_together_are_all_sentences() -> None:
    assert opened("vader-movie+product+news+tweets").ids.tolist() == opened("vader").ids.tolist()


REFUSED = {
    "spma": "Did you mean spam?",
    "spam@2": "got 'spam@2'. Did you mean spam?",
    "spam\n": "got 'spam\\n'",
    "vader+movie": "vader-DOMAIN+DOMAIN",
    "digits@0.5": "digits-tinted@STRENGTH, arithmetic@ROWS: got 'digits@0.5'",
    "vader-movie+producto": "got 'producto'. Did you mean product?",
    "vader-movie+": "got ''. Use builtin:vader-movie+product, for example.",
    "vader-movie+news+movie": "different domains of movie, product, news, tweets, with + between: got 'movie+",
    "vader-movie@2": "got 'vader-movie@2'",
    "digits-tinted@2": "a strength above 0 and at most 1: got '2'. Use builtin:digits-tinted@0.5, the default.",
    "digits-tinted@0": "got '0'",
    "digits-tinted@": "got ''",
    "digits-tinted@nan": "got 'nan'",
    "digits-tinted@soft": "got 'soft'",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_name_that_is_none_is_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(DataError, match=re.escape(REFUSED[name])) as refusal:
        opened(name)
    assert "\n" not in str(refusal.value)


FIELDS = ("group", "id", "split", "group_split", "text")


@pytest.mark.parametrize(
    ("name", "field"),
    [
        *product(("vader-movie", "spam", "digits", "digits-tinted"), FIELDS),
        *product(("digits", "digits-tinted"), ("label", "prompt")),
        *product(("arithmetic", "vader-movie", "spam"), ("prompt",)),
        *product(("arithmetic",), FIELDS),
    ],
)
def test_a_column_that_is_missing_is_named_with_its_flag(name: str, field: str) -> None:
    with pytest.raises(DataError, match=f"^--{field.replace('_', '-')} must name a column of builtin:{name}: got 'x'"):
        opened(name, **{field: "x"})


def test_the_error_names_everything_there_is() -> None:
    with pytest.raises(DataError) as refusal:
        opened("?")
    for name in (*BUILT_IN, "vader-DOMAIN+DOMAIN", "digits-tinted@STRENGTH", "arithmetic@ROWS"):
        assert name in str(refusal.value)


def test_help_names_everything_there_is() -> None:
    said = embed.help or ""
    for name in (
        *(name for name in BUILT_IN if "-" not in name),
        "vader-DOMAIN",
        "digits-tinted@STRENGTH",
        "arithmetic@ROWS",
    ):
        assert re.search(rf"builtin:{name}\b", said), name
    assert all(domain in said for domain in VADER_DOMAINS)


def tinted(strength: str) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    images = opened(f"digits-tinted{strength}", group="tint")
    assert isinstance(images.items, np.ndarray)
    return images.items, np.array(images.group) == "green"


def test_tinted_digits_are_the_digits_in_color() -> None:
    plain, whole = opened("digits"), opened("digits-tinted", label="digit")
    assert isinstance(whole.items, np.ndarray)
    assert isinstance(plain.items, np.ndarray)
    assert whole.items.shape == (1797, 8, 8, 3)
    assert whole.items.dtype == np.uint8
    assert whole.label == plain.label
    parity = opened("digits-tinted").label
    assert parity == ["odd" if digit % 2 else "even" for digit in plain.label or []]
    assert (whole.items[plain.items == 255] == 255).all()  # ink stays white


def test_half_of_the_digits_are_of_either_tint_whatever_their_label() -> None:
    _, green = tinted("")
    odd = np.array(opened("digits-tinted").label) == "odd"
    assert Counter(green.tolist()) == {False: 899, True: 898}
    for part in (odd, ~odd):
        assert abs(green[part].mean() - 0.5) < 3 * 0.5 / sqrt(part.sum())
    assert hashlib.sha256(np.packbits(green).tobytes()).hexdigest()[:16] == TINTS


def test_the_purest_tint_has_two_colors_and_no_shades() -> None:
    images, green = tinted("@1")
    corner = images[:, 0, 0]
    assert {tuple(color) for color in corner[green].tolist()} == {(0, 204, 102)}
    assert {tuple(color) for color in corner[~green].tolist()} == {(204, 0, 102)}


@pytest.mark.parametrize("strength", [0.25, 0.5, 0.75])
def test_strength_says_how_well_the_tint_can_be_told(strength: float) -> None:
    images, green = tinted(f"@{strength}")
    color = images[:, 0, 0].astype(float)
    told = ((color[:, 1] > color[:, 0]) == green).mean()
    expected = (1 + erf(strength / (1 - strength) / sqrt(2))) / 2
    assert abs(told - expected) < 3 * sqrt(expected * (1 - expected) / len(green)) + 1 / len(green)


def test_a_linear_head_on_pixels_reads_both_label_and_tint() -> None:
    images, green = tinted("")
    X = get_backbone("classic:pixels-8x8").encode(images)
    odd = np.array(opened("digits-tinted").label) == "odd"
    head = make_pipeline(StandardScaler(), LogisticRegression(C=0.01))
    assert cross_val_score(head, X, odd, cv=2).mean() > 0.85
    assert cross_val_score(head, X, green, cv=2).mean() > 0.8
