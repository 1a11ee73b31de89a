"""Answers as speed.mjs does, with python3-hl7 (Debian)."""
import json
import sys
import time

import hl7


def run(text):
    message = hl7.parse(text)
    read = 0
    for segment, field in (("MSH", 9), ("MSH", 10), ("PID", 3), ("PID", 5), ("PID", 7), ("PID", 8)):
        read += len(message.extract_field(segment, 1, field, 1, 1))
    if any(str(segment[0]) == "OBX" for segment in message):
        for segment in message.segments("OBX"):
            read += len(segment.extract_field(1, 3, 1, 1)) + len(segment.extract_field(1, 5, 1, 1))
    return str(message), read


for line in sys.stdin:
    asked = json.loads(line)
    written, read = run(asked["v2"])
    start = time.process_time_ns()
    for _ in range(asked["runs"]):
        run(asked["v2"])
    ns = time.process_time_ns() - start
    print(json.dumps({"ns": ns, "same": written.rstrip("\r") == asked["v2"], "read": read}), flush=True)
