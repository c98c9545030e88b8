"""Makes the fonts of this folder from Debian's packages fonts-noto-core and fonts-noto-cjk; see README.md."""

import copy
import pathlib
import sys

from fontTools.subset import Options, Subsetter, load_font, save_font

HERE = pathlib.Path(__file__).parent

# Letters of all European languages and Vietnamese, Greek, Cyrillic, and the signs that invoices use.
LATIN = [
    (0x0020, 0x007E),  # Basic Latin
    (0x00A0, 0x024F),  # Latin-1 Supplement, Latin Extended-A and -B
    (0x0259, 0x0259),  # schwa, for Azerbaijani
    (0x02B9, 0x02DD),  # modifier letters: ʻokina, caron, breve
    (0x0370, 0x03FF),  # Greek
    (0x0400, 0x052F),  # Cyrillic
    (0x1E00, 0x1EFF),  # Latin Extended Additional
    (0x2010, 0x2027),  # dashes, quotation marks, bullet, ellipsis
    (0x2030, 0x203A),  # per mille, primes, angle quotation marks
    (0x2044, 0x2044),  # fraction slash
    (0x2070, 0x2094),  # superscripts and subscripts
    (0x20A0, 0x20BF),  # currencies
    (0x2100, 0x2122),  # care of, numero, trade mark
    (0x2190, 0x2193),  # arrows
    (0x2212, 0x2212),  # minus
    (0x25A1, 0x25A1),  # the box drawn for a character that no font here has
]

# Punctuation, kana, bopomofo, full-width and half-width forms. The ideographs are added by the national standards.
CJK = [(0x3000, 0x303F), (0x3041, 0x3096), (0x3099, 0x30FF), (0x3105, 0x312F), (0x31F0, 0x31FF), (0xFF01, 0xFFEE)]


def double_byte(codec, rows, cells, offset=0):
    """The ideographs in these rows and cells of a double-byte standard."""
    found = set()
    for row in rows:
        for cell in cells:
            try:
                text = bytes([row + offset, cell + offset]).decode(codec)
            except UnicodeDecodeError:
                continue
            found |= {ord(sign) for sign in text if 0x4E00 <= ord(sign) <= 0x9FFF or 0xF900 <= ord(sign) <= 0xFAFF}
    return found


def ideographs():
    """GB 2312 (both levels), JIS X 0208 level 1 and Big5 level 1: what is written in China, Japan and Taiwan."""
    simplified = double_byte("gb2312", range(16, 88), range(1, 95), 0xA0)
    japanese = double_byte("euc_jp", range(16, 48), range(1, 95), 0xA0)
    traditional = double_byte("big5", range(0xA4, 0xC7), [*range(0x40, 0x7F), *range(0xA1, 0xFF)])
    return simplified | japanese | traditional


def add_box(font):
    """Gives the glyph for missing characters a second life as U+25A1: PDF/A forbids to show the first."""
    font.setGlyphOrder([*font.getGlyphOrder(), "uni25A1"])
    font["glyf"]["uni25A1"] = copy.deepcopy(font["glyf"][".notdef"])
    font["hmtx"]["uni25A1"] = font["hmtx"][".notdef"]
    for table in font["cmap"].tables:
        if table.isUnicode():
            table.cmap[0x25A1] = "uni25A1"


def make(source, number, unicodes, target):
    options = Options()
    options.font_number = number
    options.hinting = False
    options.layout_features = []
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    options.notdef_outline = True
    options.drop_tables += ["vhea", "vmtx", "VORG", "BASE", "GDEF", "GPOS", "GSUB", "DSIG"]
    # The same input gives the same file.
    options.recalc_timestamp = False
    font = load_font(str(source), options)
    if "glyf" in font:
        add_box(font)
    missing = {code for code in ideographs() if target.startswith("NotoSansCJK") and code not in font.getBestCmap()}
    assert not missing, f"{target} lacks {len(missing)} ideographs"
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=unicodes)
    subsetter.subset(font)
    save_font(font, str(HERE / target), options)


def main():
    fonts = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/fonts")
    latin = {code for first, last in LATIN for code in range(first, last + 1)}
    cjk = {code for first, last in CJK for code in range(first, last + 1)}
    make(fonts / "truetype/noto/NotoSans-Regular.ttf", -1, latin, "NotoSans-Regular.ttf")
    make(fonts / "truetype/noto/NotoSans-Bold.ttf", -1, latin, "NotoSans-Bold.ttf")
    # Face 2 of the collection has the forms of mainland China.
    make(fonts / "opentype/noto/NotoSansCJK-Regular.ttc", 2, cjk | ideographs(), "NotoSansCJKsc-Regular.otf")


main()
