"""Ways to write a text that no reader can read at once, and the way back from each.

A decoder gets a text and gives the places that it can read otherwise. Each looks only where the text has the form of
its encoding, and gives back nothing where what comes out is no text: ordinary writing passes through unchanged.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import unquote_to_bytes

from assistant_safety.english import familiarity, is_known, words_inside
from assistant_safety.folding import fold

LONGEST_PIECE = 50_000
"""Characters of one encoded piece that are decoded; the rest of a longer one is left as it is."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Characters ``start`` to ``end`` (exclusive) of a text can be read as ``text``.

    ``origin``: for each character of ``text`` the place in the encoded one that it came from, counted from ``start``;
    ``None`` where every character came from the whole piece. ``how``: the name of the encoding, where a decoder has
    several.
    """

    start: int
    end: int
    text: str
    origin: Sequence[int] | None = None
    how: str = ""


Decoder = Callable[[str], Iterator[Piece]]


def _as_text(data: bytes) -> str | None:
    """Bytes as a text, where they are one: UTF-8, printable, with letters and mostly with them."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if not text or not all(character.isprintable() or character in "\n\r\t" for character in text):
        return None
    readable = sum(character.isalpha() or character in " \n" for character in text)
    return text if readable >= 0.7 * len(text) and any(map(str.isalpha, text)) else None


_BASE64 = re.compile(r"[A-Za-z0-9+/_\-]{6,}+(?:[ \t]*\r?\n[A-Za-z0-9+/_\-]{8,}+)*+={0,2}")
_CASE_OR_DIGIT_INSIDE = re.compile(r"[a-z0-9][A-Z]|[A-Za-z][0-9]|=$")
_BASE32 = re.compile(r"(?<![A-Za-z0-9])[A-Z2-7]{16,}+={0,6}(?![A-Za-z0-9=])")


def base64_pieces(text: str) -> Iterator[Piece]:
    """Base64 (RFC 4648, both alphabets), from eight characters on; short ones only where a frequent word comes out."""
    for match in _BASE64.finditer(text):
        chunk = match.group()[:LONGEST_PIECE]
        if len(chunk) < 8 or not _CASE_OR_DIGIT_INSIDE.search(chunk):
            continue
        packed = re.sub(r"[\s=]", "", chunk).replace("-", "+").replace("_", "/")
        packed = packed[: len(packed) - (len(packed) % 4 == 1)]
        try:
            decoded = _as_text(base64.b64decode(packed + "=" * (-len(packed) % 4)))
        except (binascii.Error, ValueError):
            continue
        if decoded is not None and (len(packed) >= 20 or familiarity(decoded) >= 0.5):
            yield Piece(match.start(), match.start() + len(chunk), decoded)


def base32_pieces(text: str) -> Iterator[Piece]:
    """Base32 (RFC 4648), from sixteen characters on."""
    for match in _BASE32.finditer(text):
        chunk = match.group()[:LONGEST_PIECE].rstrip("=")
        try:
            decoded = _as_text(base64.b32decode(chunk + "=" * (-len(chunk) % 8)))
        except (binascii.Error, ValueError):
            continue
        if decoded is not None:
            yield Piece(match.start(), match.end(), decoded)


# No condition on what follows: a long run that failed at its end would be tried again from every place inside it.
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:(?:0x|\\x)?[0-9A-Fa-f]{2}(?:[ ,:]{1,2})?){4,}+")
_BITS = re.compile(r"(?<![0-9A-Za-z])[01]{7,8}(?:[ ,\n]{0,2}[01]{7,8}){2,}+")
_NUMBERS = re.compile(r"(?<![0-9A-Za-z])[0-9]{1,3}(?:[ ,;/|\-]{1,3}[0-9]{1,3}){4,}+")


def hexadecimal_pieces(text: str) -> Iterator[Piece]:
    """Bytes as pairs of hexadecimal digits, bare, or with gaps, ``0x`` or ``\\x``."""
    for match in _HEX.finditer(text):
        if text[match.end() : match.end() + 1].isalnum():
            continue
        chunk = match.group()[:LONGEST_PIECE]
        digits = re.sub(r"0x|\\x|[ ,:]", "", chunk)
        decoded = _as_text(bytes.fromhex(digits[: len(digits) // 2 * 2]))
        if decoded is not None and (len(decoded) >= 8 or familiarity(decoded) >= 0.5):
            yield Piece(match.start(), match.start() + len(chunk.rstrip(" ,:")), decoded)


def binary_pieces(text: str) -> Iterator[Piece]:
    """Bytes as seven or eight binary digits each."""
    for match in _BITS.finditer(text):
        if text[match.end() : match.end() + 1].isalnum():
            continue
        chunk = match.group()[:LONGEST_PIECE]
        groups = re.findall("[01]+", chunk)
        if len(groups) == 1 or any(len(group) > 8 for group in groups):
            digits = "".join(groups)
            groups = [digits[place : place + 8] for place in range(0, len(digits) - 7, 8)]
        decoded = _as_text(bytes(int(group, 2) for group in groups))
        if decoded is not None:
            yield Piece(match.start(), match.start() + len(chunk), decoded)


def number_pieces(text: str) -> Iterator[Piece]:
    """Letters as their numbers: of ASCII (97 is a), or of the alphabet (1 is a; "/", "|" or 0 between words)."""
    for match in _NUMBERS.finditer(text):
        if text[match.end() : match.end() + 1].isalnum():
            continue
        chunk = match.group()[:LONGEST_PIECE]
        numbers = [int(number) for number in re.findall("[0-9]+", chunk)]
        if all(32 <= number < 127 for number in numbers):
            decoded = "".join(map(chr, numbers))
        elif all(number <= 26 for number in numbers):
            parts = re.findall(r"[0-9]+|[/|]|  +", chunk)
            decoded = "".join(chr(96 + int(part)) if part.isdigit() and int(part) else " " for part in parts)
        else:
            continue
        if len(decoded) >= 5 and _as_text(decoded.encode()) and familiarity(" ".join(_words(decoded))) >= 0.6:
            yield Piece(match.start(), match.start() + len(chunk), " ".join(_words(decoded)))


def _words(text: str) -> Iterator[str]:
    for word in text.split():
        known = not word.isascii() or not word.islower() or not word.isalpha() or len(word) < 9 or is_known(word)
        yield from (word,) if known else words_inside(word)


_MORSE_CODES = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.. "
    "----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----. ..--.. .-.-.- --..--"
)
_MORSE_LETTERS = dict(zip(_MORSE_CODES.split(" "), "abcdefghijklmnopqrstuvwxyz0123456789?.,", strict=True))
_MORSE = re.compile(r"(?<!\S)[.\-·•–−_]{1,6}(?:[ /|\n]{1,5}[.\-·•–−_]{1,6}){4,}+")
_MORSE_MARKS = str.maketrans("·•–−_", "..---")


def morse_pieces(text: str) -> Iterator[Piece]:
    """Morse code with gaps between letters, and "/" or wider gaps between words."""
    for match in _MORSE.finditer(text):
        if text[match.end() : match.end() + 1].strip():
            continue
        chunk = match.group()[:LONGEST_PIECE]
        letters: list[str] = []
        for part in re.findall(r"[.\-]+|[ ]*[/|\n][ ]*|  +", chunk.translate(_MORSE_MARKS)):
            letters.append(_MORSE_LETTERS.get(part, "~") if part[0] in ".-" else " ")
        decoded = "".join(letters)
        if decoded.count("~") <= len(decoded) // 10 and sum(map(str.isalpha, decoded)) >= 4:
            yield Piece(match.start(), match.start() + len(chunk), decoded)


_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_ENTITY = re.compile(r"&(?:#[0-9]{2,7}|#x[0-9A-Fa-f]{2,6}|[A-Za-z]{2,8});")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|u\{([0-9A-Fa-f]{1,6})\})")


def escape_pieces(text: str) -> Iterator[Piece]:
    """The escapes of URLs (``%62``), of HTML (``&#98;``) and of program text (``\\u0062``), from two on."""
    if "%" in text:
        matches = list(_PERCENT.finditer(text))
        if sum(len(match.group()) for match in matches) >= 6:
            for match in matches:
                yield _literal(match, unquote_to_bytes(match.group()).decode("utf-8", "replace"), "a URL's escapes")
    if "&" in text:
        matches = list(_ENTITY.finditer(text))
        if len(matches) >= 2:
            for match in matches:
                yield _literal(match, html.unescape(match.group()), "HTML's escapes")
    if "\\" in text:
        matches = list(_ESCAPE.finditer(text))
        if len(matches) >= 2:
            for match in matches:
                number = int(next(filter(None, match.groups())), 16)
                if number < 0x110000 and not 0xD800 <= number < 0xE000:
                    yield _literal(match, chr(number), "character escapes")


def _literal(match: re.Match[str], text: str, how: str) -> Piece:
    return Piece(match.start(), match.end(), text, how=how)


_TAGS = re.compile("[\U000e0020-\U000e007e]{3,}")
_VARIATIONS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{3,}")
_BRAILLE = re.compile("[\u2800-\u28ff]{3,}")
_BRAILLE_LETTERS = str.maketrans(dict(zip("⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵⠀", "abcdefghijklmnopqrstuvwxyz ", strict=True)))
_TURNED = dict(zip("ɐqɔpǝɟƃɓɥᴉıɾʞʃןɯuodbɹsʇnʌʍxʎz", "abcdefgghiijkllmnopqrstuvwxyz", strict=True))
_TURNED_MARKS = frozenset("ɐɔǝɟƃɥᴉɾʞɯɹʇʌʍʎ")


def unicode_pieces(text: str) -> Iterator[Piece]:
    """Letters hidden in Unicode: invisible tags, variation selectors as bytes, Braille, letters turned upside down."""
    if text.isascii():
        return
    for match in _TAGS.finditer(text):
        shown = "".join(chr(ord(character) - 0xE0000) for character in match.group())
        yield Piece(match.start(), match.end(), f" {shown} ", how="invisible Unicode tags")
    for match in _VARIATIONS.finditer(text):
        numbers = [ord(character) for character in match.group()[:LONGEST_PIECE]]
        data = bytes(number - 0xFE00 if number < 0x10000 else number - 0xE0100 + 16 for number in numbers)
        shown = _as_text(data)
        if shown is not None:
            yield Piece(match.start(), match.end(), f" {shown} ", how="variation selectors")
    if _BRAILLE.search(text):
        for match in _BRAILLE.finditer(text):
            shown = match.group().translate(_BRAILLE_LETTERS)
            yield Piece(match.start(), match.end(), shown, range(len(shown)), how="Braille")
    if len(_TURNED_MARKS.intersection(text)) >= 3:
        places = range(len(text) - 1, -1, -1)
        turned = "".join(_TURNED.get(text[place], text[place]) for place in places)
        if familiarity(turned) >= 0.5:
            yield Piece(0, len(text), turned, places, how="letters turned upside down")


_WORD_RUN = re.compile(r"[^\W_]{2,}")
_OTHER_ALPHABET = re.compile("[\u0370-\u04ff\u0250-\u02af\u1d00-\u1d7f]")


def lookalike_pieces(text: str) -> Iterator[Piece]:
    """Words of look-alike letters, styled letters (𝐛, ⓑ, ｂ), stacked marks or with invisible characters inside.

    A word that is wholly of another alphabet stays as it is: it may be in that language.
    """
    if text.isascii():
        return
    for match in _DRESSED_WORD.finditer(text):
        word = match.group()
        if word.isascii() or len(word) > 200:
            continue
        plain = fold(word).text
        if plain.isascii() and any(map(str.isalpha, plain)) and _is_dressed(word):
            folded = fold(word)
            yield Piece(match.start(), match.end(), folded.text, folded.origin)


_DRESSED_WORD = re.compile(r"\S+")


def _is_dressed(word: str) -> bool:
    latin = other = invisible = marks = styled = 0
    for character in word:
        if character.isascii():
            latin += character.isalpha()
            continue
        category = unicodedata.category(character)
        other += bool(_OTHER_ALPHABET.match(character))
        invisible += category == "Cf"
        marks += category in ("Mn", "Me")
        styled += category in ("Ll", "Lu", "So", "Lo") and unicodedata.normalize("NFKC", character) != character
        styled += "\U0001f130" <= character <= "\U0001f189" or "\U0001f1e6" <= character <= "\U0001f1ff"
    return bool((latin and (other or invisible)) or marks >= 2 or styled >= 2)


_SPLIT = re.compile(r"(?<![^\W_])[^\W_](?:[ .\-_*·•|/\\,+~'\n]{1,4}[^\W_](?![^\W_])){4,}+")


def split_letter_pieces(text: str) -> Iterator[Piece]:
    """Words with a gap after every letter: s p l i t, s.p.l.i.t; wider gaps are taken for those between words."""
    for match in _SPLIT.finditer(text):
        chunk = match.group()[:LONGEST_PIECE]
        letters = [(place, character) for place, character in enumerate(chunk) if character.isalnum()]
        if sum(character.isalpha() for _, character in letters) < 0.7 * len(letters):
            continue
        gaps = [after[0] - before[0] for before, after in pairwise(letters)]
        narrow = min(gaps)
        kept: list[str] = []
        origin: list[int] = []
        word = 0
        for number in range(len(letters)):
            if number + 1 < len(letters) and gaps[number] == narrow:
                continue
            row = "".join(character for _, character in letters[word : number + 1]).lower()
            for piece in words_inside(row) if len(row) > 3 and not is_known(row) else (row,):
                origin.extend(place for place, _ in letters[word : word + len(piece)])
                origin.append(origin[-1])
                kept.append(piece + " ")
                word += len(piece)
        yield Piece(match.start(), match.start() + letters[-1][0] + 1, "".join(kept)[:-1], origin[:-1])


_LONG_ROW = re.compile(r"(?<![^\W_])[A-Za-z]{14,}+(?![^\W_])")


def joined_word_pieces(text: str) -> Iterator[Piece]:
    """Words without gaps: howtodothis. Only where nearly all of it is made of frequent words."""
    for match in _LONG_ROW.finditer(text):
        row = match.group().lower()
        if is_known(row):
            continue
        pieces = words_inside(row)
        if len(pieces) < 3 or not _are_words(pieces, row):
            continue
        origin: list[int] = []
        for piece in pieces:
            first = origin[-1] + 1 if origin else 0
            origin.extend(range(first, first + len(piece)))
            origin.append(origin[-1])  # the gap after it
        yield Piece(match.start(), match.end(), " ".join(pieces), origin[:-1])


def _are_words(pieces: Sequence[str], row: str) -> bool:
    """Whether a row was cut into words, and not into crumbs as a rare long word is."""
    known = [piece for piece in pieces if is_known(piece)]
    longer = [piece for piece in known if len(piece) > 2]
    crumbs = any(len(piece) < 3 and not is_known(piece) for piece in pieces)
    covered = sum(map(len, known)), sum(map(len, longer))
    return not crumbs and len(longer) > 1 and covered[0] >= 0.6 * len(row) and covered[1] >= 0.45 * len(row)


_LEET_WORD = re.compile(r"[A-Za-z0-9@$!|€+]{3,32}+")
_LEET_MARKS = frozenset("0123456789@$!|€+")
_LEET = str.maketrans("03456789@$!|€+", "oeasgtbgasilet")


def leet_pieces(text: str) -> Iterator[Piece]:
    """Letters as digits and signs: m4ke, $teal. Unknown words only beside two that come out as frequent ones."""
    if _LEET_MARKS.isdisjoint(text):
        return
    sure: list[Piece] = []
    unsure: list[Piece] = []
    for match in _LEET_WORD.finditer(text):
        word = match.group().rstrip("!|+")
        if len(word) < 3 or _LEET_MARKS.isdisjoint(word) or not any(map(str.isalpha, word)):
            continue
        plain = word.lower().translate(_LEET)
        readings = [plain.replace("1", letter) for letter in ("i", "l")] if "1" in plain else [plain]
        known = next(filter(is_known, readings), None)
        if known is not None:
            sure.append(Piece(match.start(), match.start() + len(word), known, range(len(word))))
        elif readings[0].isalpha():
            unsure.append(Piece(match.start(), match.start() + len(word), readings[0], range(len(word))))
    if sure:
        yield from sorted((*sure, *(unsure if len(sure) > 1 else ())), key=lambda piece: piece.start)


_QUOTED = r"\"([^\"\n]{1,300})\"|'([^'\n]{1,300})'|“([^”\n]{1,300})”"
_ASSIGNED = re.compile(rf"\b([A-Za-z_]\w{{0,20}})\s{{0,3}}(?::=|=|:| is | be )\s{{0,3}}(?:{_QUOTED})")
_PART = r"\"[^\"\n]{0,200}\"|'[^'\n]{0,200}'|\b[A-Za-z_]\w{0,20}\b"
_SUM = re.compile(rf"(?:{_PART})(?:\s{{0,3}}\+\s{{0,3}}(?:{_PART}))++")
_TERM = re.compile(r"\"([^\"]*)\"|'([^']*)'|([A-Za-z_]\w*)")
_LISTED = re.compile(r"\[\s*(?:(?:\"[^\"\n]{0,80}\"|'[^'\n]{0,80}')\s*,?\s*){2,}+\]")
_MOST_TERMS = 200


def payload_pieces(text: str) -> Iterator[Piece]:
    """A text in parts: ``a = 'how to'``, ``b = ' do it'``, ``a + b``; sums of quoted strings; a list to be joined."""
    if text.count("'") + text.count('"') + 2 * text.count("“") < 4:
        return  # two parts have four quotation marks
    values: dict[str, str] = {}
    for match in _ASSIGNED.finditer(text):
        values[match.group(1)] = next(part for part in match.groups()[1:] if part is not None)
    summed = False
    for match in _SUM.finditer(text):
        parts: list[str] = []
        for term in list(_TERM.finditer(match.group()))[:_MOST_TERMS]:
            double, single, name = term.groups()
            literal = double if double is not None else single
            parts.append(literal if literal is not None else values.get(name, ""))
        joined = _join(parts)
        if len(parts) > 1 and any(map(str.isalpha, joined)):
            summed = True
            yield Piece(match.start(), match.end(), f" {joined} ")
    for match in _LISTED.finditer(text):
        joined = _join([one or two for one, two, _ in _TERM.findall(match.group())][:_MOST_TERMS])
        yield Piece(match.start(), match.end(), f" {joined} ")
    if len(values) > 1 and not summed:
        yield Piece(0, len(text), f"{text} {_join(list(values.values())[:_MOST_TERMS])}", None)


def _join(parts: list[str]) -> str:
    """Parts as they stand; with gaps between them where that gives more words than without."""
    tight, wide = "".join(parts), " ".join(parts)
    return wide if familiarity(wide) > familiarity(tight) else tight


DECODERS: tuple[tuple[str, Decoder], ...] = (
    ("look-alike or invisible characters", lookalike_pieces),
    ("hidden characters", unicode_pieces),
    ("base64", base64_pieces),
    ("base32", base32_pieces),
    ("binary", binary_pieces),
    ("hexadecimal", hexadecimal_pieces),
    ("numbers for letters", number_pieces),
    ("Morse code", morse_pieces),
    ("escapes", escape_pieces),
    ("split letters", split_letter_pieces),
    ("joined words", joined_word_pieces),
    ("digits for letters", leet_pieces),
    ("parts put together", payload_pieces),
)
"""Every decoder with its name, the cheap and sure ones first."""
