"""Texts to count the tokens of: plausible documents, and strings meant to trip a tokenizer up.

The same seed gives the same texts.
"""

import itertools
import os
import pathlib
import random

SCRIPTS = {
    "latin": (0x61, 0x7A),
    "latin_more": (0xE0, 0x17F),
    "greek": (0x3B1, 0x3C9),
    "cyrillic": (0x430, 0x44F),
    "armenian": (0x561, 0x586),
    "hebrew": (0x5D0, 0x5EA),
    "arabic": (0x621, 0x64A),
    "devanagari": (0x905, 0x939),
    "thai": (0xE01, 0xE2E),
    "georgian": (0x10D0, 0x10F0),
    "hangul": (0xAC00, 0xD7A3),
    "kana": (0x3041, 0x3096),
    "han": (0x4E00, 0x9FA5),
}

# Written without spaces between words.
UNSPACED = ("han", "kana", "thai")

COMMON = """the of and to a in is it you that he was for on are with as I his they be at one have this
from or had by hot but some what there we can out other were all your when up use word how said an
each she which do their time if will way about many then them would write like so these her long
make thing see him two has look more day could go come did my sound no most number who over know
water than call first people may down side been now find any new work part take get place made live
where after back little only round man year came show every good me give our under name very through
just form much great think say help low line before turn cause same mean differ move right boy old
too does tell sentence set three want air well also play small end put home read hand port large
spell add even land here must big high such follow act why ask men change went light kind off need
house picture try us again animal point mother world near build self earth father head stand own
page should country found answer school grow study still learn plant cover food sun four thought let
keep eye never last door between city tree cross since hard start might story saw far sea draw left
late run don't while press close night real life few stop open seem together next white children
begin got walk example ease paper often always music those both mark book letter until mile river
car feet care second group carry took rain eat room friend began idea fish mountain north once base
hear horse cut sure watch colour face wood main enough plain girl usual young ready above ever red
list though feel talk bird soon body dog family direct pose leave song measure state product black
short numeral class wind question happen complete ship area half rock order fire south problem piece
told knew pass farm top whole king size heard best hour better true during hundred remember step
early hold west ground interest reach fast five sing listen six table travel less morning ten simple
several vowel toward war lay against pattern slow centre love person money serve appear road map
science rule govern pull cold notice voice fall power town fine certain fly unit lead cry dark
machine note wait plan figure star box noun field rest correct able pound done beauty drive stood
contain front teach week final gave green quick develop sleep warm free minute strong special mind
behind clear tail produce fact street inch lot nothing course stay wheel full force blue object
decide surface deep moon island foot yet busy test record boat common gold possible plane age dry
wonder laugh thousand ago ran check game shape yes cool miss brought heat snow bed bring sit perhaps
fill east weight language among I'm can't won't it's we'll they've I'd you're he's""".split()

SYLLABLES = """an be con de ex fi gra hin in jo ker lu mi non o pre qui re sta tri un ver wo xi yo zen
tion ment ing ness able ough ster ley ance ist ism ity ous ful""".split()

CODE = ["fn", "let", "def", "return", "self", "None", "if", "else:", "while", "for", "->", "=>", "==",
        "{", "}", "();", "[0]", "//", "#", "import", "std::fmt", "&mut", "i32", "u8", "\"text\"",
        "'c'", "<T>", "+=", "0x1F", "1_000", "self.x", "async", "await", "null", "</div>", "<p>"]

PUNCTUATION = [".", ".", ".", ",", ",", "!", "?", ";", ":", "...", " -", "\u2014", ")", "\"", "\u201d", "\u3002"]

EMOJI = ["\U0001F600", "\U0001F468\u200D\U0001F469\u200D\U0001F467", "\U0001F1E9\U0001F1EA", "\u2764\uFE0F",
         "\U0001F44D\U0001F3FD", "\U0001F3F4\U000E0067\U000E0062\U000E007F", "1\uFE0F\u20E3", "\u263A"]

ENDINGS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'T", "'RE", "'Ve", "'M", "'lL", "'D",
           "\u2019s", "'x", "'", "'\u017F", "'\u212A", "''s", "'l", "'r", "'v", "'rE"]

SPACES = [" ", "  ", "   ", "\t", "\n", "\n\n", "\r\n", "\r", "\u00A0", "\u3000", "\u2003", "\u2028",
          "\u0085", "\x0b", "\x0c", " \n", "\n ", "\u200B", "\uFEFF", " \r\n ", "\u1680", "\u180E"]

SPECIAL = ["<|endoftext|>", "<|endofprompt|>", "<|fim_prefix|>", "<|im_start|>", "<|im_end|>",
           "<|start|>assistant<|channel|>final<|message|>", "<|endoftext", "|>"]


def library():
    """Yields the modules of Python's standard library, the largest body of text on every machine.

    It is cut into texts of a page.
    """
    for path in sorted(pathlib.Path(os.__file__).parent.glob("*.py")):
        text = path.read_text(errors="ignore")
        for start in range(0, len(text), 2_000):
            yield text[start:start + 2_000]


def long_runs():
    """Yields a megabyte of one character, for each of some that tiktoken does not give up on."""
    for character in "aA!0\n\u4E2D":
        yield character * (1_000_000 // len(character.encode()))


class Words:
    """Words of a language: made up, and some far more often than others, as Zipf found."""

    def __init__(self, words):
        self.words = words
        self.weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(words))))

    def some(self, rng, count):
        return rng.choices(self.words, cum_weights=self.weights, k=count)


def english(rng):
    made = {"".join(rng.choices(SYLLABLES, k=rng.randint(2, 4))) for _ in range(20_000)}
    return Words(COMMON + sorted(made, key=len))


def languages(rng):
    words = {"english": english(rng)}
    for script in SCRIPTS:
        longest = 2 if script in UNSPACED else 9
        words[script] = Words([letters(rng, script, rng.randint(1, longest)) for _ in range(5_000)])
    return words


def letters(rng, script, length):
    first, last = SCRIPTS[script]
    return "".join(chr(rng.randint(first, last)) for _ in range(length))


LANGUAGES = languages(random.Random(0))


def documents(count, seed=1):
    """Yields plausible texts of some dozens to some hundreds of characters, a few much longer."""
    rng = random.Random(seed)
    kinds = [prose, prose, prose, conversation, conversation, foreign, foreign, program, table, mixed]
    for _ in range(count):
        size = int(4 + 12 * rng.expovariate(1.0))
        if rng.random() < 0.002:
            size *= 20
        yield rng.choice(kinds)(rng, size)


def adversarial(count, seed=2):
    """Yields strings where tokenizers differ: odd spaces, scripts, marks, and long runs."""
    rng = random.Random(seed)
    kinds = [run, runs, fragments, fragments, points, points, spaces, endings, digits, marks, long_word,
             lines, unheard]
    for _ in range(count):
        yield rng.choice(kinds)(rng)


def characters():
    """Yields every character of the planes that have any, between what they may stand beside."""
    for plane in (0, 1, 2, 3, 14):
        for first in range(plane << 16, (plane + 1) << 16, 64):
            points = [it for it in range(first, first + 64) if not 0xD800 <= it <= 0xDFFF]
            yield "".join(f"a{chr(it)}B {chr(it)}1{chr(it)}\n" for it in points)


def word(rng):
    return LANGUAGES["english"].some(rng, 1)[0]


def prose(rng, size):
    words = LANGUAGES["english"].some(rng, size)
    for place, made in enumerate(words):
        chance = rng.random()
        if chance < 0.08:
            made = made.capitalize()
        elif chance < 0.1:
            made = made.upper()
        elif chance < 0.11:
            made += rng.choice(ENDINGS)
        elif chance < 0.23:
            made += rng.choice(PUNCTUATION)
        elif chance < 0.25:
            made += "\n" * rng.randint(1, 2)
        words[place] = made
    return " ".join(words)


def foreign(rng, size):
    script = rng.choice(list(SCRIPTS))
    words = LANGUAGES[script].some(rng, size)
    if script in UNSPACED:
        return "\u3002".join("".join(words[at:at + 6]) for at in range(0, size, 6))
    for place in range(0, size, 7):
        words[place] = words[place].capitalize()
    return " ".join(words)


def program(rng, size):
    lines = []
    for _ in range(1 + size // 5):
        words = rng.choices(CODE, k=rng.randint(1, 5)) + [word(rng) + "_" + word(rng)]
        rng.shuffle(words)
        lines.append("    " * rng.randint(0, 3) + " ".join(words))
    return rng.choice(["\n", "\n", "\r\n"]).join(lines)


def table(rng, size):
    cells = [rng.choice([word(rng), str(rng.randint(0, 10**rng.randint(1, 9))), f"{rng.random():.4f}",
                         f"2024-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"]) for _ in range(size)]
    return rng.choice([",", "\t", " | ", "\n"]).join(cells)


def conversation(rng, size):
    turns = [f'{{"role": "{rng.choice(["user", "assistant"])}", "content": "{prose(rng, 2 + size // 3)}"}}'
             for _ in range(rng.randint(1, 3))]
    return '{"messages": [' + ", ".join(turns) + "]}"


def mixed(rng, size):
    parts = [rng.choice([word(rng), word(rng), rng.choice(EMOJI), letters(rng, rng.choice(list(SCRIPTS)), 3),
                         f"https://example.com/{word(rng)}?q={rng.randint(0, 999)}", f"@{word(rng)}",
                         str(rng.randint(0, 99999)), rng.choice(SPECIAL)]) for _ in range(size)]
    return " ".join(parts)


def unit(rng):
    return rng.choice([
        lambda: chr(rng.randint(0, 0x7F)),
        lambda: rng.choice(SPACES),
        lambda: rng.choice(ENDINGS),
        lambda: rng.choice(EMOJI),
        lambda: letters(rng, rng.choice(list(SCRIPTS)), 1),
        lambda: rng.choice("aAzZ09 '/\r\n\u0301\u01C5\u02B0\u00AA\u2160\u00BD\u0660"),
        lambda: point(rng),
    ])()


def point(rng):
    """Any code point but a surrogate, those of the first planes more often."""
    while True:
        made = rng.randint(0, rng.choice([0xFF, 0x7FF, 0x2FFF, 0xFFFF, 0x1FFFF, 0x32FFF, 0x10FFFF]))
        if not 0xD800 <= made <= 0xDFFF:
            return chr(made)


def run(rng):
    """One unit, many times."""
    return unit(rng) * rng.randint(2, rng.choice([10, 100, 600]))


def runs(rng):
    return "".join(unit(rng) * rng.randint(1, 12) for _ in range(rng.randint(2, 12)))


def fragments(rng):
    return "".join(unit(rng) for _ in range(rng.randint(1, 40)))


def points(rng):
    return "".join(point(rng) for _ in range(rng.randint(1, 30)))


def spaces(rng):
    """Words with every kind of space between, before and after."""
    return "".join(rng.choice(SPACES) * rng.randint(0, 3) + rng.choice(["a", "B", "7", ".", "/", ""])
                   for _ in range(rng.randint(1, 20)))


def endings(rng):
    words = [rng.choice(["it", "IT", "We", "\u00E9t\u00E9", "\u4E2D", "42", "", " ", "-"]) + rng.choice(ENDINGS)
             for _ in range(rng.randint(1, 10))]
    return rng.choice(["", " ", "\n"]).join(words)


def digits(rng):
    pool = rng.choice(["0123456789", "0123456789.,", "0\u0661\u0967\u2460\u2163\u00B2\uFF11", "01 \n"])
    return "".join(rng.choices(pool, k=rng.randint(1, 60)))


def marks(rng):
    """Letters under piles of combining marks, and marks that have no letter."""
    parts = []
    for _ in range(rng.randint(1, 8)):
        parts.append(rng.choice(["e", "A", " ", "\u0915", "\u05D0", "", "\n", "."]))
        parts.append("".join(chr(rng.choice([0x300, 0x301, 0x93F, 0x5B0, 0xFE0F, 0x20DD, 0x200D]) + rng.randint(0, 1))
                             for _ in range(rng.randint(0, 10))))
    return "".join(parts)


def long_word(rng):
    case = rng.choice([str.lower, str.upper, str.title, str.swapcase])
    made = "".join(rng.choices(SYLLABLES, k=rng.randint(5, 200)))
    return rng.choice(["", " ", "_", "\""]) + case(made) + rng.choice(["", "'s", " ", "\n"])


def lines(rng):
    return "".join(rng.choice(["\r\n", "\n", "\r", " \r\n", "\n\r", "\n ", "\t\n", "a", " b", "//\n", ";\n/", "\n/"])
                   for _ in range(rng.randint(1, 25)))


def unheard(rng):
    """Letters of one script in no order that any language has."""
    size = rng.randint(1, 30)
    script = rng.choice(list(SCRIPTS))
    text = " ".join(letters(rng, script, rng.randint(1, 9)) for _ in range(size))
    return text.title() if rng.random() < 0.3 else text
