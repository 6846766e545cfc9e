"""Run by the Python of Barbican's own environment: Barbican on a loopback port.

python serve.py DIRECTORY PORT      with barbican.conf in the directory; ends by SIGTERM
"""

import os
import sys

import waitress
from paste import deploy

directory, port = sys.argv[1:]
del sys.argv[1:]  # Barbican would read them
os.environ["HOME"] = directory  # each of its plugins looks for the configuration again, there
paste = os.path.join(sys.prefix, "etc", "barbican", "barbican-api-paste.ini")
waitress.serve(deploy.loadapp(f"config:{paste}"), host="127.0.0.1", port=int(port), threads=4)
