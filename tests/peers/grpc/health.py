"""Asks a health service with Python's grpcio: health.py check|watch ADDRESS [SERVICE]."""

import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

method, address, service = (sys.argv + [""])[1:4]
request = health_pb2.HealthCheckRequest(service=service)
name = health_pb2.HealthCheckResponse.ServingStatus.Name

with grpc.insecure_channel(address) as channel:
    health = health_pb2_grpc.HealthStub(channel)
    try:
        if method == "check":
            print(name(health.Check(request, timeout=10).status), flush=True)
        else:
            for answer in health.Watch(request):
                print(name(answer.status), flush=True)
            print("the stream has ended", flush=True)
    except grpc.RpcError as error:
        print(f"{error.code().name}: {error.details()}", flush=True)
