"""Calls a gated method once, without a retry, and prints all of the answer: refused.py ADDRESS unary|stream."""

import sys

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

address, kind = sys.argv[1:3]
raw = {"request_serializer": None, "response_deserializer": None}
text = b"\n\x05hello"

with grpc.insecure_channel(address, options=[("grpc.enable_retries", 0)]) as channel:
    try:
        if kind == "unary":
            channel.unary_unary("/livebus.test.Echo/Say", **raw)(text, timeout=10)
        else:
            next(iter(channel.unary_stream("/livebus.test.Echo/Repeat", **raw)(text, timeout=10)))
        print("OK")
    except grpc.RpcError as error:
        print(f"{error.code().name}: {error.details()}")
        for key, value in error.trailing_metadata():
            if key == "grpc-retry-pushback-ms":
                print(f"{key}: {value}")
        for detail in rpc_status.from_call(error).details:
            info = error_details_pb2.RetryInfo()
            if detail.Unpack(info):
                print(f"RetryInfo: {info.retry_delay.ToJsonString()}")
