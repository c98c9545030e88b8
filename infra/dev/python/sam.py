"""The real `sam`, which packs the functions for the way to the next process only: quickly, not small.

A hundred and eighty megabytes at zlib's default take it ten seconds; nothing else of it is changed.
"""

import zlib

zlib.Z_DEFAULT_COMPRESSION = zlib.Z_BEST_SPEED

from samcli.cli.main import cli  # noqa: E402  after the line that it goes by

cli(prog_name="sam")
