"""Calls gated methods with a retry policy until SIGTERM, then prints what the application has seen: retrying.py ADDRESS."""

import json
import signal
import sys
import time

import grpc

POLICY = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}

is_running = True


def end(*_):
    global is_running
    is_running = False


signal.signal(signal.SIGTERM, end)
raw = {"request_serializer": None, "response_deserializer": None}
text = b"\n\x05hello"
calls = streams = errors = 0
longest = 0.0
options = [("grpc.service_config", json.dumps(POLICY))]
with grpc.insecure_channel(sys.argv[1], options=options) as channel:
    say = channel.unary_unary("/livebus.test.Echo/Say", **raw)
    repeat = channel.unary_stream("/livebus.test.Echo/Repeat", **raw)
    print("begun", flush=True)
    while is_running:
        began = time.monotonic()
        try:
            assert say(text, timeout=60) == text
            calls += 1
            stream = repeat(text, timeout=60)
            assert [next(stream) for _ in range(2)] == [text, text]
            stream.cancel()
            streams += 1
        except grpc.RpcError as error:
            errors += 1
            print(f"an error of the application: {error.code().name}: {error.details()}", flush=True)
        longest = max(longest, time.monotonic() - began)
        time.sleep(0.02)
print(f"{calls} calls and {streams} streams, {errors} errors of the application, the longest took {longest:.1f} s")
