"""microburst, with three changes.

A request keeps its headers Host and Content-Length. microburst puts its upstream's host in place of the one, and leaves the
other out of streamed uploads; but a signature of AWS covers both, and the local AWS checks the signatures of functions.

No service is looked for in the host, which is an address here: it costs 9 s at the first call, and 400 MB for the models of all
services. And calls that meet no fault leave no line in the log.
"""

import logging
import sys

from microburst import detection
from microburst.cli import main
from microburst.forward import Upstream

microbursts_headers = Upstream._outbound_headers


def signed_headers_kept(upstream, request):
    headers = {**microbursts_headers(upstream, request), "host": request.host}
    if request.content_length is not None:
        headers["content-length"] = str(request.content_length)
    return headers


Upstream._outbound_headers = signed_headers_kept
detection.parse_host = lambda host: (None, None, None)
logging.getLogger("aiohttp.access").setLevel(logging.WARNING)

sys.exit(main())
