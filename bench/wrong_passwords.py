"""A process of its own: clients that send wrong passwords, each again as soon as it is answered, until standard input
ends.

``python wrong_passwords.py PORT COUNT USER``; USER empty: a new name in each request. Prints ``ready`` once all have
connected, and at the end how many answers came by status, as JSON.
"""

import base64
import http.client
import json
import sys
import threading
from collections import Counter


def main(port: int, count: int, user: str) -> None:
    answers: Counter[int] = Counter()
    over = threading.Event()
    connected = threading.Barrier(count + 1)

    def flood(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.connect()
        connected.wait()
        tries = 0
        while not over.is_set():
            tries += 1
            credentials = f"{user or f'n{number}-{tries}'}:wrong {number} {tries}"
            header = "Basic " + base64.b64encode(credentials.encode()).decode()
            connection.request("GET", "/v2/lbaas/loadbalancers", headers={"Authorization": header})
            answer = connection.getresponse()
            answer.read()
            answers[answer.status] += 1

    for number in range(count):
        threading.Thread(target=flood, args=(number,), daemon=True).start()
    connected.wait()
    print("ready", flush=True)
    sys.stdin.read()
    over.set()
    print(json.dumps(answers), flush=True)


main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
