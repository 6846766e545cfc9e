"""Run by the Python of Keystone's own environment: Keystone on a loopback port.

python serve.py DIRECTORY PORT      with keystone.conf in the directory; ends by SIGTERM
"""

import os
import sys

import waitress

directory, port = sys.argv[1:]
os.environ["OS_KEYSTONE_CONFIG_FILES"] = os.path.join(directory, "keystone.conf")
del sys.argv[1:]  # Keystone would read them

from keystone.wsgi.api import application  # noqa: E402 it reads its configuration at its import

waitress.serve(application, host="127.0.0.1", port=int(port), threads=4)
