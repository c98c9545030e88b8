"""The real `sam`, which packs the functions without making them smaller: the way to the next process is short.

A hundred and eighty megabytes at zlib's default take it ten seconds; nothing else of it is changed.
"""

import zlib

zlib.Z_DEFAULT_COMPRESSION = zlib.Z_NO_COMPRESSION

from samcli.cli.main import cli  # noqa: E402  after the line that it goes by

cli(prog_name="sam")
